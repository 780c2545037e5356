using System.Net.Http.Headers;
using System.Net.Http.Json;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CurateMe.Gateway.Tests;

/// <summary>A real gateway on its own Kestrel, with the provider simulator on another behind it and a data directory of its own.</summary>
sealed class GatewayRig : IAsyncDisposable
{
    readonly TemporaryDirectory directory;
    readonly bool ownsDirectory;

    GatewayRig(TemporaryDirectory directory, bool ownsDirectory, SimulatorHost simulator, WebApplication app)
    {
        this.directory = directory;
        this.ownsDirectory = ownsDirectory;
        Simulator = simulator;
        App = app;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        // As clients do that send text in headers.
        Http = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = static (_, _) => System.Text.Encoding.UTF8 }) { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(100) };
    }

    public SimulatorHost Simulator { get; }
    public WebApplication App { get; }
    public Uri Address { get; }
    public HttpClient Http { get; }
    public LogLines Logs => Service<LogLines>();
    public PriceList Prices => Service<GatewaySettings>().Prices;
    public DateOnly Today => DateOnly.FromDateTime(Service<TimeProvider>().GetUtcNow().UtcDateTime);

    public static async Task<GatewayRig> StartAsync(
        IReadOnlyDictionary<string, string?>? configuration = null, TemporaryDirectory? directory = null, Action<IServiceCollection>? services = null, SimulatorOptions? simulator = null,
        Func<GatewaySettings, GatewaySettings>? settings = null, Action<WebApplicationBuilder>? host = null)
    {
        var data = directory ?? new TemporaryDirectory();
        var provider = await SimulatorHost.StartAsync(simulator);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(configuration ?? new Dictionary<string, string?>())
        {
            ["CM_DATA_DIR"] = data.Path,
        });
        builder.Logging.ClearProviders();
        var lines = new LogLines();
        builder.Logging.AddProvider(lines);
        builder.Services.AddSingleton(lines);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        host?.Invoke(builder);
        var read = Demo.AnswerFrom(provider, GatewaySettings.Read(builder.Configuration, demo: true));
        var app = GatewayApp.Build(builder, settings?.Invoke(read) ?? read, services);
        await app.StartAsync();
        return new GatewayRig(data, directory is null, provider, app);
    }

    public T Service<T>() where T : notnull => App.Services.GetRequiredService<T>();

    /// <summary>Makes an org with a policy, and a key of it.</summary>
    /// <returns>The key's secret.</returns>
    public async Task<string> KeyAsync(string org = "org_test", PolicyDocument? policy = null, string key = "key_test", Func<KeyDocument, KeyDocument>? limits = null, TeamDocument? team = null)
    {
        var catalogue = Service<Catalogue>();
        List<ConfigWrite> writes = [];
        if (await catalogue.Orgs.FindAsync(org, default) is null)
        {
            writes.Add(catalogue.Orgs.New(org, org, null, new OrgDocument { OrgId = org, Name = org, Tier = Tier.Growth, CreatedAt = DateTimeOffset.UnixEpoch }));
            writes.Add(catalogue.Policies.New(org, org, null, policy ?? new PolicyDocument()));
        }
        if (team is not null && await catalogue.Teams.FindAsync(team.TeamId, default) is null)
        {
            writes.Add(catalogue.Teams.New(team.TeamId, org, null, team));
        }
        var secret = Secret.New(Secret.KeyPrefix);
        var document = new KeyDocument { KeyId = key, OrgId = org, TeamId = team?.TeamId, Name = key, Last4 = secret.Last4, CreatedAt = DateTimeOffset.UnixEpoch };
        writes.Add(catalogue.Keys.New(key, org, secret.Hash.ToString(), limits is null ? document : limits(document)));
        await catalogue.CommitAsync(writes, Audit("create", key, org), default);
        return secret.Text;
    }

    /// <summary>Changes an org's policy, as an administrator would.</summary>
    public async Task PolicyAsync(string org, PolicyDocument policy)
    {
        var catalogue = Service<Catalogue>();
        var stored = await catalogue.Policies.FindAsync(org, default) ?? throw new InvalidOperationException($"no policy of {org}");
        await catalogue.CommitAsync([catalogue.Policies.Change(stored, policy)], Audit("policy", org, org), default);
    }

    public Task<HttpResponseMessage> ChatAsync(string secret, object body, string path = "/v1/openai/chat/completions", IReadOnlyDictionary<string, string>? headers = null, CancellationToken ct = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        return SendAsync(secret, request, headers, ct);
    }

    public Task<HttpResponseMessage> RawAsync(string secret, string body, string path = "/v1/openai/chat/completions", string type = "application/json")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return SendAsync(secret, request, null, default);
    }

    /// <summary>All records of an org, once the ledger has everything that was settled.</summary>
    public async Task<IReadOnlyList<UsageRecord>> RecordsAsync(string org = "org_test")
    {
        await Service<Recorder>().DrainAsync(TestContext.Current.CancellationToken);
        List<UsageRecord> records = [];
        string? cursor = null;
        do
        {
            var page = await Service<IUsageLedger>().QueryAsync(new UsageQuery { OrgId = org, Limit = UsageQuery.MaxLimit, Cursor = cursor, Sort = UsageSort.TimeAsc }, default);
            records.AddRange(page.Records);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return records;
    }

    /// <summary>Live totals of today.</summary>
    public async Task<CellTotals> CellAsync(string field, PeriodKind period = PeriodKind.Day, string org = "org_test") =>
        (await Service<ICounterStore>().SnapshotAsync(org, Today, default)).FirstOrDefault(c => c.Field == field && c.Period == period)
            ?? new CellTotals(NodeKind.Org, org, field, period, NanoUsd.Zero, NanoUsd.Zero);

    /// <summary>Waits until no hold is live, which every request comes to.</summary>
    public async Task QuietAsync()
    {
        for (var i = 0; i < 3000 && (await Service<ICounterStore>().CheckAsync(default)).LiveHolds > 0; i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        Assert.Equal(0, (await Service<ICounterStore>().CheckAsync(default)).LiveHolds);
    }

    /// <summary>What the simulator billed, priced by the same list.</summary>
    public NanoUsd Bill()
    {
        var sum = NanoUsd.Zero;
        foreach (var entry in Simulator.Bill.Entries)
        {
            var price = Prices.Find(entry.Provider, entry.Model) ?? throw new InvalidOperationException($"no price of {entry.Provider}/{entry.Model}");
            sum += price.Cost(entry.Units.ToUsageCounts(), ServiceTier.Standard).CeilToNano();
        }
        return sum;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
        await Simulator.DisposeAsync();
        if (ownsDirectory)
        {
            directory.Dispose();
        }
    }

    async Task<HttpResponseMessage> SendAsync(string secret, HttpRequestMessage request, IReadOnlyDictionary<string, string>? headers, CancellationToken ct)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
        foreach (var (name, value) in headers ?? new Dictionary<string, string>())
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
    }

    static AuditDraft Audit(string action, string target, string org) => new(DateTimeOffset.UnixEpoch, "test", null, action, "test", target, org, null, null);
}
