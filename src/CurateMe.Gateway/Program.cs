using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;

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
catch (Exception e) when (e is ConfigurationException or JournalUnavailableException or LedgerUnavailableException or IOException)
{
    // What an operator can mend is said in a sentence; anything else is a bug and keeps its stack.
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
