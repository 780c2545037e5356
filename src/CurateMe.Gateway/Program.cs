using CurateMe.Gateway.Simulator;

if (args is ["simulate", ..])
    return await SimulatorHost.RunAsync(args[1..]);
var builder = WebApplication.CreateSlimBuilder(args);
var app = builder.Build();
await app.RunAsync();
return 0;
