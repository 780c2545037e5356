using CurateMe.Gateway.Governance;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Ledger.Configuration;
using CurateMe.Testing;
using CurateMe.Testing.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CurateMe.Gateway.Tests.ProviderKeys;

public sealed class KeyringTests : IDisposable
{
    readonly FailingLists _store = new();
    readonly ConfigChanges _changes;
    readonly ConfigChanges _changesElsewhere;
    readonly MasterKey _master = MasterKey.Parse(Convert.ToBase64String(new byte[32]))!;
    readonly Keyring _ring;

    public KeyringTests()
    {
        _changes = new ConfigChanges(_store, TimeProvider.System, NullLogger<ConfigChanges>.Instance);
        _changesElsewhere = new ConfigChanges(_store, TimeProvider.System, NullLogger<ConfigChanges>.Instance);
        _ring = new Keyring(
            new Catalogue(_store, _changes), _changes, _master, new ProviderNames(new HashSet<string>(StringComparer.Ordinal) { "openai" }), TimeProvider.System, NullLogger<Keyring>.Instance);
    }

    public void Dispose()
    {
        _ring.Dispose();
        _changes.Dispose();
        _changesElsewhere.Dispose();
    }

    // A change is told once: a gateway that cannot read it at that moment would go on with a key that was taken out of use.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Change_ThatCannotBeReadWhenItIsTold_IsInForceOnceItCan(bool away)
    {
        var ct = TestContext.Current.CancellationToken;
        var elsewhere = new Catalogue(_store, _changesElsewhere);
        var key = new ProviderKeyDocument
        {
            ProviderKeyId = "pk_a",
            Provider = "openai",
            Name = "a",
            Last4 = "1234",
            Sealed = _master.Encrypt("sk-a-1234", "pk_a"),
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        await elsewhere.CommitAsync([elsewhere.ProviderKeys.New("pk_a", orgId: null, lookup: null, key)], audit: null, ct);
        await _changes.PollAsync(ct);
        await _ring.StartAsync(ct);
        Assert.NotNull(_ring.Next("openai", "org_a"));

        await DisableAsync(true);
        await Poll.UntilAsync(() => _ring.Next("openai", "org_a") is null, "the key is out of use");
        await DisableAsync(false);
        await Poll.UntilAsync(() => _ring.Next("openai", "org_a") is not null, "the key is in use again");
        await _ring.StopAsync(ct);

        async Task DisableAsync(bool disabled)
        {
            var stored = (await elsewhere.ProviderKeys.FindAsync("pk_a", ct))!;
            await elsewhere.CommitAsync([elsewhere.ProviderKeys.Change(stored, stored.Value with { Disabled = disabled })], audit: null, ct);
            _store.Fail(away ? new ConfigStoreUnavailableException("away", outcomeUnknown: false) : new InvalidOperationException("unforeseen"));
            await _changes.PollAsync(ct);
        }
    }

    /// <summary>A store whose next list fails.</summary>
    sealed class FailingLists : IConfigStore
    {
        readonly MemoryConfigStore _inner = new();
        Exception? _next;

        public void Fail(Exception failure) => Volatile.Write(ref _next, failure);

        public Task<IReadOnlyList<ConfigDocument>> ListAsync(string collection, string? orgId, string? afterId, int limit, CancellationToken ct) =>
            Interlocked.Exchange(ref _next, null) is { } failure ? Task.FromException<IReadOnlyList<ConfigDocument>>(failure) : _inner.ListAsync(collection, orgId, afterId, limit, ct);

        public Task<ConfigDocument?> GetAsync(string collection, string id, CancellationToken ct) => _inner.GetAsync(collection, id, ct);

        public Task<ConfigDocument?> LookupAsync(string collection, string lookup, CancellationToken ct) => _inner.LookupAsync(collection, lookup, ct);

        public Task<long> WriteAsync(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit, CancellationToken ct) => _inner.WriteAsync(writes, audit, ct);

        public Task<IReadOnlyList<AuditEntry>> AuditAsync(AuditQuery query, CancellationToken ct) => _inner.AuditAsync(query, ct);

        public Task<long> RevisionAsync(CancellationToken ct) => _inner.RevisionAsync(ct);

        public Task<IReadOnlyList<ConfigDocument>> ChangesAsync(long afterRevision, int limit, CancellationToken ct) => _inner.ChangesAsync(afterRevision, limit, ct);

        public ValueTask DisposeAsync() => _inner.DisposeAsync();
    }
}
