using CurateMe.Gateway.Simulator;

namespace CurateMe.Gateway.Hosting;

/// <summary>From the command line to a running gateway.</summary>
static class GatewayProgram
{
    const string DefaultUrl = "http://localhost:8002";

    public static async Task RunAsync(string[] args)
    {
        var demo = args.Contains("--demo", StringComparer.Ordinal);
        var builder = WebApplication.CreateSlimBuilder([.. args.Where(static a => a != "--demo")]);
        var settings = GatewaySettings.Read(builder.Configuration, demo);
        if (string.IsNullOrEmpty(builder.Configuration["urls"]))
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }
        await using var simulator = demo ? await SimulatorHost.StartAsync() : null;
        if (simulator is not null)
        {
            settings = Demo.AnswerFrom(simulator, settings);
        }
        await using var app = GatewayApp.Build(builder, settings);
        await app.StartAsync();
        await app.WaitForShutdownAsync();
    }
}
