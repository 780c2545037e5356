using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Alerts;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;

namespace CurateMe.Gateway.Hosting;

/// <summary>Where several replicas share their budgets and their books.</summary>
/// <param name="Redis"><c>REDIS_URL</c>.</param>
/// <param name="Mongo"><c>MONGODB_URL</c>.</param>
/// <param name="AllowEviction"><c>Redis__AllowEviction</c>: start although the server may drop money to make room.</param>
sealed record SharedSettings(RespOptions Redis, MongoOptions Mongo, bool AllowEviction);

/// <summary>The counters in Redis, ledger and configuration in MongoDB.</summary>
static class SharedStores
{
    public static void AddSharedStores(this IServiceCollection services, SharedSettings shared)
    {
        services.AddSingleton(shared);
        services.AddSingleton(_ => RespClient.Create(shared.Redis with { ClientName = "curateme-gateway", CommandTimeout = TimeSpan.FromSeconds(1), MaxReconnectDelay = TimeSpan.FromSeconds(1) }));
        services.AddSingleton<IUsageLedger>(s => MongoLedger.OpenAsync(shared.Mongo, s.GetRequiredService<TimeProvider>(), CancellationToken.None).GetAwaiter().GetResult());
        services.AddSingleton<IConfigStore>(_ => MongoConfigStore.OpenAsync(shared.Mongo, CancellationToken.None).GetAwaiter().GetResult());
        services.AddSingleton<IAlertStore>(_ => MongoAlertStore.OpenAsync(shared.Mongo, CancellationToken.None).GetAwaiter().GetResult());
        services.AddSingleton(s => new RedisStore(
            s.GetRequiredService<RespClient>(), s.GetRequiredService<JournalFile>(), s.GetRequiredService<IUsageLedger>(), s.GetRequiredService<CounterResets>(),
            s.GetRequiredService<ErrorEvents>(), s.GetRequiredService<TimeProvider>(), static o => o with { Inline = InlineSockets.Wanted }));
        services.AddSingleton<ICounterStore, ResilientCounters>();
        services.AddSingleton(s => s.GetRequiredService<RedisStore>().Reconciler);
        services.AddSingleton<DeadLetters>();
        services.AddSingleton<IEntryStore, RedisEntryStore>();
        services.AddSingleton<SharedWork>();
        services.AddSingleton<SharedDenials>();
        services.AddHostedService(s => s.GetRequiredService<SharedDenials>());
        services.AddSingleton<ConfigSignal>();
        services.AddHostedService(s => s.GetRequiredService<ConfigSignal>());
    }
}
