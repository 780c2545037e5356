using System.Net.Sockets;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Simulator;

namespace CurateMe.Gateway.Hosting;

/// <summary>From the command line to a running gateway.</summary>
static class GatewayProgram
{
    const string DefaultUrl = "http://localhost:8002";

    public static async Task RunAsync(string[] args)
    {
        var faults = new ConfigurationFaults();
        var line = CommandLine.Read(args, faults);
        // Settings are read once. The host's watch for changed files covers every folder below the working directory, the journal's among
        // them, and would cost each request two wake-ups.
        var builder = WebApplication.CreateSlimBuilder(["--hostBuilder:reloadConfigOnChange=false", .. line.Settings]);
        DataDirectory.Prepare(builder.Configuration, faults);
        var settings = GatewaySettings.Read(builder.Configuration, line.Demo, faults);
        var urls = builder.Configuration["urls"] is { Length: > 0 } given ? given : DefaultUrl;
        builder.WebHost.UseUrls(urls);
        // The framework's own lines for each request would cost more than governing it; Logging__LogLevel__... brings them back.
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning);
        // While this logger can write anything at all, the framework makes an activity with random ids for each request.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        // A start that fails is told by the one who started it.
        var started = false;
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= LogLevel.Warning && started);
        await using var simulator = line.Demo ? await SimulatorHost.StartAsync() : null;
        if (simulator is not null)
        {
            settings = Demo.AnswerFrom(simulator, settings);
        }
        await using var app = GatewayApp.Build(builder, settings);
        var first = await app.Services.GetRequiredService<Bootstrap>().RunAsync(settings.DataDirectory, CancellationToken.None);
        await ListenAsync(app, urls);
        started = true;
        var address = app.Urls.FirstOrDefault() ?? DefaultUrl;
        await Console.Out.WriteAsync(Banner.Text(settings, first, address.Replace("[::]", "localhost", StringComparison.Ordinal).Replace("0.0.0.0", "localhost", StringComparison.Ordinal), app.Services.GetRequiredService<DashboardPages>().IsBuilt));
        await app.WaitForShutdownAsync();
    }

    static async Task ListenAsync(WebApplication app, string urls)
    {
        try
        {
            await app.StartAsync();
        }
        catch (SocketException e)
        {
            throw new IOException($"The gateway cannot listen at {urls}: {e.Message}.", e);
        }
    }
}
