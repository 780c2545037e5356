using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace CurateMe.Gateway.Simulator;

/// <summary>A <see cref="ProviderSimulator"/> on a Kestrel of its own, on the loopback address.</summary>
internal sealed class SimulatorHost : IAsyncDisposable
{
    readonly WebApplication _app;

    SimulatorHost(WebApplication app, ProviderSimulator simulator, Uri address)
    {
        _app = app;
        Simulator = simulator;
        Address = address;
    }

    public ProviderSimulator Simulator { get; }
    public Bill Bill => Simulator.Bill;

    /// <summary>Where it listens, without a path: the base of every provider is <c>{Address}{provider}/v1</c>.</summary>
    public Uri Address { get; }

    /// <summary>Base address of one provider segment, without a slash at its end.</summary>
    public string BaseUrl(string provider) => $"{Address}{provider}";

    /// <exception cref="IOException">The port is taken, or the bill file cannot be opened.</exception>
    public static async Task<SimulatorHost> StartAsync(SimulatorOptions? options = null, CancellationToken ct = default)
    {
        options ??= new SimulatorOptions();
        var (app, simulator) = Build(options, IPAddress.Loopback, options.Port, embedded: true);
        try
        {
            await app.StartAsync(ct);
        }
        catch
        {
            await app.DisposeAsync();
            await simulator.DisposeAsync();
            throw;
        }
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new SimulatorHost(app, simulator, new Uri(address));
    }

    public async ValueTask DisposeAsync()
    {
        Simulator.Stop();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Simulator.DisposeAsync();
    }

    /// <summary>The <c>simulate</c> verb: serves until it is told to stop.</summary>
    /// <returns>0, or 2 when the arguments are wrong, the port is taken or the bill cannot be written; then standard error says which.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        SimulatorArguments arguments;
        try
        {
            arguments = SimulatorArguments.Parse(args);
        }
        catch (FormatException e)
        {
            await Console.Error.WriteLineAsync($"simulate: {e.Message}\n{SimulatorArguments.Usage}");
            return 2;
        }
        try
        {
            await Serve(arguments);
            return 0;
        }
        catch (IOException e)
        {
            // The port is taken, or the bill cannot be written
            await Console.Error.WriteLineAsync($"simulate: {e.Message}");
            return 2;
        }
    }

    static async Task Serve(SimulatorArguments arguments)
    {
        var (app, simulator) = Build(arguments.Options, arguments.Address, arguments.Options.Port, embedded: false);
        await using (app)
        await using (simulator)
        {
            await app.StartAsync();
            await Console.Out.WriteLineAsync($"simulator listening on {app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()}");
            await app.WaitForShutdownAsync();
        }
    }

    static (WebApplication, ProviderSimulator) Build(SimulatorOptions options, IPAddress address, int port, bool embedded)
    {
        // Empty: the address, log level and settings of the process that it runs in are not its own
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(address, port);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = SimulatorOptions.MaxBodyBytes;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
        });
        // A flush then ends when the bytes are with the system, so a reset after it cannot overtake them
        if (!options.Fast)
            builder.WebHost.UseSockets(sockets => sockets.MaxWriteBufferSize = 1);
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        if (embedded)
            builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        var app = builder.Build();
        var simulator = new ProviderSimulator(options);
        app.Lifetime.ApplicationStopping.Register(simulator.Stop);
        if (options.Fast)
            app.Use(new FastAnswers(simulator).Middleware);
        app.UseRouting();
        simulator.Map(app);
        app.UseEndpoints(_ => { });
        return (app, simulator);
    }

    /// <summary>Leaves the signals of the process to the host around this one.</summary>
    sealed class EmbeddedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
