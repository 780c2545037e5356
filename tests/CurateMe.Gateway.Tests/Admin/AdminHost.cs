using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Alerts;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;
using CurateMe.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>The admin plane on a real Kestrel with SQLite stores and counters in this process; no data plane.</summary>
sealed class AdminHost : IAsyncDisposable
{
    public const string Token = "operator-token-of-the-tests";

    static int s_number;

    readonly WebApplication _app;
    readonly TemporaryDirectory _directory;
    readonly bool _ownsDirectory;

    AdminHost(WebApplication app, TemporaryDirectory directory, bool ownsDirectory)
    {
        (_app, _directory, _ownsDirectory) = (app, directory, ownsDirectory);
        Http = new HttpClient(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.First()) };
        Admin = new AdminClient(Http, Token);
    }

    public HttpClient Http { get; }

    /// <summary>The operator.</summary>
    public AdminClient Admin { get; }
    public IConfigStore Config => Get<IConfigStore>();
    public IUsageLedger Ledger => Get<IUsageLedger>();
    public ICounterStore Counters => Get<ICounterStore>();
    public KeyDirectory Keys => Get<KeyDirectory>();

    public T Get<T>() where T : notnull => _app.Services.GetRequiredService<T>();

    public static async Task<AdminHost> StartAsync(TimeProvider? time = null, string? token = Token, TemporaryDirectory? kept = null, string? dashboard = null, Action<IServiceCollection>? services = null)
    {
        var directory = kept ?? new TemporaryDirectory();
        time ??= TimeProvider.System;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Configuration["ADMIN_TOKEN"] = token;
        builder.Configuration["CM_DASHBOARD_DIR"] = dashboard ?? Path.Combine(directory.Path, "no-dashboard");
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton<IConfigStore>(_ => SqliteConfigStore.Open(directory.Path));
        builder.Services.AddSingleton<IUsageLedger>(_ => SqliteLedger.Open(directory.Path, time));
        builder.Services.AddSingleton<ICounterStore>(_ => new InProcessCounters(time));
        builder.Services.AddSingleton<IAlertStore>(_ => SqliteAlertStore.Open(directory.Path));
        builder.Services.AddSingleton<CounterResets>();
        builder.Services.AddSingleton<Reconciler>();
        builder.Services.AddKeys();
        builder.Services.AddAdmin(builder.Configuration);
        builder.Services.AddProviderKeys(MasterKey.FromFile(directory.Path), ["openai", "anthropic"]);
        services?.Invoke(builder.Services);
        var app = builder.Build();
        app.MapAdmin();
        await app.StartAsync();
        return new AdminHost(app, directory, ownsDirectory: kept is null);
    }

    /// <summary>A fresh org and a client bound to it.</summary>
    public async Task<(string OrgId, AdminClient Client)> OrgAsync(Tier tier = Tier.Starter)
    {
        var id = $"org_{Interlocked.Increment(ref s_number)}";
        await Admin.CreateOrgAsync(new OrgCreate { OrgId = id, Tier = tier });
        return (id, Admin.For(id));
    }

    /// <summary>A client with a token of its own.</summary>
    public async Task<AdminClient> ActAsync(AdminRole role, string? orgId) =>
        new(Http, (await Admin.CreateTokenAsync(new AdminTokenCreate { Role = role, OrgId = orgId })).Token!);

    /// <summary>Sends exactly this.</summary>
    public async Task<(HttpStatusCode Status, JsonNode? Json, string Text)> SendAsync(
        string method, string path, string? body = null, string? token = Token, string? orgId = null, string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
        if (orgId is not null)
        {
            request.Headers.TryAddWithoutValidation("X-Org-ID", orgId);
        }
        using var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        // A stream has no end to wait for.
        var text = response.Content.Headers.ContentType?.MediaType == "text/event-stream" ? "" : await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null, text);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        if (_ownsDirectory)
        {
            _directory.Dispose();
        }
    }
}
