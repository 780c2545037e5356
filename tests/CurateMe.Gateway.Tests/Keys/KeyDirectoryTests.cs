using System.Net;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Testing.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CurateMe.Gateway.Tests.Keys;

public sealed class KeyDirectoryTests : IDisposable
{
    static readonly DateTimeOffset Now = new(2026, 3, 17, 12, 0, 0, TimeSpan.Zero);

    readonly MemoryConfigStore _store = new();
    readonly ConfigChanges _changes;
    readonly Catalogue _catalogue;
    readonly KeyDirectory _keys;

    public KeyDirectoryTests()
    {
        _changes = new ConfigChanges(_store, TimeProvider.System, NullLogger<ConfigChanges>.Instance);
        _catalogue = new Catalogue(_store, _changes);
        _keys = new KeyDirectory(_catalogue, _changes, TimeProvider.System);
    }

    public void Dispose()
    {
        _keys.Dispose();
        _changes.Dispose();
    }

    static AuditDraft Audit => new(Now, "test", null, "test", "test", "test", null, null, null);

    static KeyDocument Key(string id = "key_a") => new() { KeyId = id, OrgId = "org_a", TeamId = "team_a", Name = id, Last4 = "0000", CreatedAt = Now };

    async Task<Secret> SeedAsync(KeyDocument? key = null)
    {
        key ??= Key();
        var secret = Secret.New(Secret.KeyPrefix);
        await _catalogue.CommitAsync(
            [
                _catalogue.Orgs.New("org_a", null, null, new OrgDocument { OrgId = "org_a", Name = "A", Tier = Tier.Starter, CreatedAt = Now }),
                _catalogue.Teams.New("team_a", "org_a", null, new TeamDocument { TeamId = "team_a", OrgId = "org_a", Name = "T", DailyBudget = NanoUsd.FromDollars(3), CreatedAt = Now }),
                _catalogue.Keys.New(key.KeyId, "org_a", secret.Hash.ToString(), key),
            ],
            Audit, default);
        return secret;
    }

    [Fact]
    public async Task Find_KnownKey_HasPathWithLimitsOfOrgTeamAndKey()
    {
        var secret = await SeedAsync(Key() with { DailyBudget = NanoUsd.FromDollars(1), RateLimitRpm = 7 });
        var principal = await _keys.FindAsync(secret.Text, default);

        Assert.NotNull(principal);
        Assert.Equal(["org", "team:team_a", "key:key_a"], principal.Path.Nodes.Select(n => n.Field));
        Assert.Equal(NanoUsd.FromDollars(25), principal.Path.Nodes[0].DailyLimit);
        Assert.Equal(NanoUsd.FromDollars(250), principal.Path.Nodes[0].MonthlyLimit);
        Assert.Equal(NanoUsd.FromDollars(3), principal.Path.Nodes[1].DailyLimit);
        Assert.Null(principal.Path.Nodes[1].MonthlyLimit);
        Assert.Equal(NanoUsd.FromDollars(1), principal.Path.Nodes[2].DailyLimit);
        Assert.Equal(7, principal.Path.Nodes[2].RequestsPerMinute);
        Assert.Equal(KeyState.Active, principal.StateAt(Now));
    }

    [Fact]
    public async Task Find_SecondTime_DoesNotReadTheStoreNorAllocate()
    {
        var secret = (await SeedAsync()).Text;
        var first = await _keys.FindAsync(secret, default);
        var reads = _store.Reads;
        Assert.Same(first, await _keys.FindAsync(secret, default));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            await _keys.FindAsync(secret, default);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(reads, _store.Reads);
    }

    [Theory]
    [InlineData("")]
    [InlineData("cm_sk_")]
    [InlineData("sk-proj-abcdefghijklmnopqrstuvwxyz")]
    [InlineData("cm_at_abcdefghijklmnopqrstuvwxyz")]
    [InlineData("cm_sk_häßlich")]
    public async Task Find_WhatCannotBeAKey_NeverAsksTheStore(string secret)
    {
        Assert.Null(await _keys.FindAsync(secret, default));
        Assert.Null(await _keys.FindAsync("cm_sk_" + new string('a', 10_000), default));
        Assert.Equal(0, _store.Reads);
    }

    [Fact]
    public async Task Find_UnknownKeyAgain_IsRememberedAsUnknown()
    {
        var secret = Secret.New(Secret.KeyPrefix).Text;
        Assert.Null(await _keys.FindAsync(secret, default));
        Assert.Null(await _keys.FindAsync(secret, default));
        Assert.Equal(2, _store.Reads);
    }

    [Fact]
    public async Task Find_ManyAtOnce_ReadsOnce()
    {
        var secret = (await SeedAsync()).Text;
        var open = new TaskCompletionSource();
        _store.BeforeRead = _ => open.Task;
        var finds = Enumerable.Range(0, 50).Select(_ => _keys.FindAsync(secret, default).AsTask()).ToArray();
        open.SetResult();
        var principals = await Task.WhenAll(finds);
        Assert.Single(principals.Distinct());
        Assert.Equal(4, _store.Reads);
    }

    [Fact]
    public async Task Find_ChangedWhileBeingRead_ReadsAgain()
    {
        var secret = (await SeedAsync()).Text;
        var read = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        _store.AfterRead = collection =>
        {
            if (collection != Collections.Keys)
            {
                return Task.CompletedTask;
            }
            read.TrySetResult();
            return go.Task;
        };
        var find = _keys.FindAsync(secret, default).AsTask();
        await read.Task;
        _store.AfterRead = null;
        await DisableAsync(_catalogue);
        go.SetResult();
        Assert.Equal(KeyState.Disabled, (await find)!.StateAt(Now));
        Assert.Equal(KeyState.Disabled, (await _keys.FindAsync(secret, default))!.StateAt(Now));
    }

    [Fact]
    public async Task Find_AfterEachKindOfChange_SeesItAtOnce()
    {
        var secret = (await SeedAsync()).Text;
        Task<Principal?> Find() => _keys.FindAsync(secret, default).AsTask();
        Assert.Equal(NanoUsd.FromDollars(25), (await Find())!.Policy.DailyBudget);

        await _catalogue.CommitAsync([_catalogue.Policies.New("org_a", "org_a", null, new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(100) })], Audit, default);
        Assert.Equal(NanoUsd.FromDollars(100), (await Find())!.Path.Nodes[0].DailyLimit);

        var org = await _catalogue.Orgs.FindAsync("org_a", default);
        await _catalogue.CommitAsync([_catalogue.Orgs.Change(org!, org!.Value with { Tier = Tier.Growth })], Audit, default);
        Assert.Equal(NanoUsd.FromDollars(2_000), (await Find())!.Path.Nodes[0].MonthlyLimit);

        var team = await _catalogue.Teams.FindAsync("team_a", default);
        await _catalogue.CommitAsync([_catalogue.Teams.Change(team!, team!.Value with { DailyBudget = null })], Audit, default);
        Assert.Null((await Find())!.Path.Nodes[1].DailyLimit);

        await DisableAsync(_catalogue);
        Assert.Equal(KeyState.Disabled, (await Find())!.StateAt(Now));
    }

    [Fact]
    public async Task Poll_ChangeByAnotherReplica_IsSeen()
    {
        var secret = (await SeedAsync()).Text;
        await _changes.PollAsync(default);
        Assert.Equal(KeyState.Active, (await _keys.FindAsync(secret, default))!.StateAt(Now));

        using var elsewhere = new ConfigChanges(_store, TimeProvider.System, NullLogger<ConfigChanges>.Instance);
        await DisableAsync(new Catalogue(_store, elsewhere));
        await _changes.PollAsync(default);
        Assert.Equal(KeyState.Disabled, (await _keys.FindAsync(secret, default))!.StateAt(Now));
    }

    [Fact]
    public async Task Find_ReplacedSecret_IsTheSameKeyUntilItsGraceEnds()
    {
        var old = await SeedAsync();
        Assert.NotNull(await _keys.FindAsync(old.Text, default));
        var replacement = Secret.New(Secret.KeyPrefix);
        var key = (await _catalogue.Keys.FindAsync("key_a", default))!;
        var oldHash = old.Hash.ToString();
        await _catalogue.CommitAsync(
            [
                _catalogue.Keys.Change(key, replacement.Hash.ToString(), key.Value with { Last4 = replacement.Last4 }),
                _catalogue.ReplacedSecrets.New(oldHash, "org_a", oldHash, new ReplacedSecretDocument { KeyId = "key_a", Last4 = old.Last4, GraceUntil = Now.AddSeconds(10) }),
            ],
            Audit, default);

        var before = (await _keys.FindAsync(old.Text, default))!;
        Assert.Equal(KeyState.Active, before.StateAt(Now));
        Assert.Equal(KeyState.Rotated, before.StateAt(Now.AddSeconds(10)));
        var after = (await _keys.FindAsync(replacement.Text, default))!;
        Assert.Equal(KeyState.Active, after.StateAt(Now.AddSeconds(10)));
        Assert.Equal(("key_a", replacement.Last4), (before.KeyId, before.Last4));
        Assert.Equal("key:key_a", before.Path.Nodes[^1].Field);

        await DisableAsync(_catalogue);
        Assert.Equal(KeyState.Disabled, (await _keys.FindAsync(old.Text, default))!.StateAt(Now));
        Assert.Equal(KeyState.Disabled, (await _keys.FindAsync(replacement.Text, default))!.StateAt(Now));
    }

    [Fact]
    public async Task StateAt_KeyWithExpiry_ExpiresAtThatInstant()
    {
        var secret = await SeedAsync(Key() with { ExpiresAt = Now });
        var principal = (await _keys.FindAsync(secret.Text, default))!;
        Assert.Equal(KeyState.Active, principal.StateAt(Now.AddTicks(-1)));
        Assert.Equal(KeyState.Expired, principal.StateAt(Now));
    }

    [Fact]
    public async Task PathWithSession_EndsAtTheSessionOfTheRunner()
    {
        var secret = await SeedAsync();
        var principal = (await _keys.FindAsync(secret.Text, default))!;
        var path = principal.PathWithSession("runner_a", "s1", NanoUsd.FromDollars(5));
        Assert.Equal("session:runner_a/s1", path.Nodes[^1].Field);
        Assert.Equal(NanoUsd.FromDollars(5), path.Nodes[^1].LifeLimit);
        Assert.Equal(NodeKind.Key, path.Nodes[^2].Kind);
    }

    [Fact]
    public void Cache_MoreThanItHolds_ForgetsWhatNobodyAskedFor()
    {
        var cache = new PrincipalCache(generationSize: 2);
        var principal = new Principal(Key() with { TeamId = null }, new OrgDocument { OrgId = "org_a", Name = "A", Tier = Tier.Free, CreatedAt = Now }, OrgPolicy.Resolve(Tier.Free), team: null);
        SecretHash[] hashes = [.. Enumerable.Range(0, 5).Select(i => new SecretHash(0, (UInt128)i))];
        cache.Add(hashes[0], principal);
        cache.Add(hashes[1], principal);
        cache.Add(hashes[2], principal);
        Assert.NotNull(cache.Find(hashes[0]));
        cache.Add(hashes[3], principal);
        Assert.NotNull(cache.Find(hashes[0]));
        Assert.Null(cache.Find(hashes[1]));
        cache.Remove(hashes[0]);
        Assert.Null(cache.Find(hashes[0]));
        cache.Remove(_ => true);
        Assert.All(hashes, hash => Assert.Null(cache.Find(hash)));
    }

    [Theory]
    [InlineData("10.0.0.0/8", "10.200.3.4", true)]
    [InlineData("10.0.0.0/8", "11.0.0.1", false)]
    [InlineData("10.1.2.3/8", "10.9.9.9", true)]
    [InlineData("192.168.1.7", "192.168.1.7", true)]
    [InlineData("192.168.1.7", "::ffff:192.168.1.7", true)]
    [InlineData("::ffff:10.0.0.0/104", "10.1.1.1", true)]
    [InlineData("2001:db8::/32", "2001:db8::1", true)]
    [InlineData("2001:db8::/32", "2001:db9::1", false)]
    [InlineData("0.0.0.0/0", "1.2.3.4", true)]
    [InlineData("0.0.0.0/0", "::1", false)]
    public void IpAllowlist_Address_IsInRangeOrNot(string entry, string address, bool allowed)
    {
        Assert.True(IpAllowlist.TryParse(entry, out _));
        Assert.Equal(allowed, IpAllowlist.Of([entry])!.Allows(IPAddress.Parse(address)));
        Assert.False(IpAllowlist.Of([])!.Allows(IPAddress.Parse(address)));
        Assert.False(IpAllowlist.Of([entry])!.Allows(null));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("10.0.0")]
    [InlineData("010.0.0.1")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/")]
    [InlineData("[::1]:80")]
    [InlineData("fe80::1%2")]
    [InlineData("localhost")]
    public void IpAllowlist_NoRange_IsRefused(string? entry) => Assert.False(IpAllowlist.TryParse(entry, out _));

    static async Task DisableAsync(Catalogue catalogue)
    {
        var key = await catalogue.Keys.FindAsync("key_a", default);
        await catalogue.CommitAsync([catalogue.Keys.Change(key!, key!.Value with { Disabled = true })], Audit, default);
    }
}
