using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Simulator;

if (args is ["simulate", ..])
{
    return await SimulatorHost.RunAsync(args[1..]);
}
try
{
    await GatewayProgram.RunAsync(args);
    return 0;
}
catch (ConfigurationException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
