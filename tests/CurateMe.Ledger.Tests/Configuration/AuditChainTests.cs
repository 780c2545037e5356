using CurateMe.Ledger.Configuration;
using Xunit;

namespace CurateMe.Ledger.Tests.Configuration;

public sealed class AuditChainTests
{
    static readonly AuditDraft Draft = new(
        new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero), "admin", "10.0.0.1", "key.create", "key", "k1", "org_a", null, """{"name":"ä"}""");

    static List<AuditEntry> Chain(int length)
    {
        var entries = new List<AuditEntry>();
        for (var i = 0; i < length; i++)
        {
            var last = entries.LastOrDefault();
            entries.Add(AuditChain.Append(last?.Sequence ?? 0, last?.Hash ?? AuditChain.Genesis, Draft with { TargetId = $"k{i}" }));
        }
        return entries;
    }

    [Fact]
    public void Hash_OfAKnownEntry_IsFrozen()
    {
        Assert.Equal("c9b616e5a50562dc545ae8b0078b85e502efe39c260a4fbb2fdd2c2aa0ec5476", AuditChain.Append(0, AuditChain.Genesis, Draft).Hash);
    }

    [Fact]
    public void Verify_WholeChainAndAnyStretch_FindsNoFault()
    {
        var chain = Chain(6);
        Assert.Null(AuditChain.Verify(chain));
        Assert.Null(AuditChain.Verify([]));
        Assert.Null(AuditChain.Verify(chain.Skip(3), chain[2]));
    }

    public static TheoryData<string> Fields => [.. typeof(AuditDraft).GetProperties().Select(property => property.Name)];

    [Theory]
    [MemberData(nameof(Fields))]
    public void Verify_AnyFieldChanged_NamesTheEntry(string field)
    {
        var chain = Chain(5);
        var property = typeof(AuditDraft).GetProperty(field)!;
        var changed = chain[2].Draft with { };
        property.SetValue(changed, property.PropertyType == typeof(DateTimeOffset) ? Draft.At.AddMilliseconds(1) : "other");
        chain[2] = chain[2] with { Draft = changed };

        Assert.Equal(3, AuditChain.Verify(chain)?.Sequence);
    }

    [Fact]
    public void Verify_TextMovedToTheNextField_IsFound()
    {
        var entry = AuditChain.Append(0, AuditChain.Genesis, Draft with { Action = "ab", TargetType = "c" });
        var moved = entry with { Draft = entry.Draft with { Action = "a", TargetType = "bc" } };
        Assert.NotNull(AuditChain.Verify([moved]));
    }

    [Fact]
    public void Verify_EntryRemovedSwappedOrRehashed_IsFound()
    {
        var chain = Chain(5);
        Assert.Equal(3, AuditChain.Verify([chain[0], chain[1], chain[3], chain[4]])?.Sequence);
        Assert.Equal(2, AuditChain.Verify([chain[0], chain[2], chain[1]])?.Sequence);
        Assert.Equal(1, AuditChain.Verify(chain.Skip(1))?.Sequence);
        var forged = AuditChain.Append(1, chain[0].Hash, Draft with { Actor = "nobody" });
        Assert.Equal(3, AuditChain.Verify([chain[0], forged, chain[2]])?.Sequence);
    }
}
