using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Simulator;

if (args is ["simulate", ..])
{
    return await SimulatorHost.RunAsync(args[1..]);
}
InlineSockets.Enable();
try
{
    await GatewayProgram.RunAsync(args);
    return 0;
}
catch (Exception e) when (StartFaults.Includes(e))
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
