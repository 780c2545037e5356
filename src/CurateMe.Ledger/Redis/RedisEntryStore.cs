using CurateMe.Ledger.Entries;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>Entries of shared mode: <c>gateway:KIND:{PARTITION}:ID</c>, which Redis ends itself. A Redis that lost its data has lost them too.</summary>
public sealed class RedisEntryStore(RespClient client, TimeProvider time) : IEntryStore
{
    public async ValueTask<EntryAdd> AddAsync(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota, CancellationToken ct)
    {
        var reply = await RunAsync(RedisScripts.EntryAdd, name, [value, Math.Max(1, (long)timeToLive.TotalMilliseconds), quota?.Entries ?? -1], ct).ConfigureAwait(false);
        return reply.Kind == RespKind.Integer ? new EntryAdd(null, Full: reply.AsInt64() == 0) : new EntryAdd(reply.AsSpan().ToArray(), Full: false);
    }

    public async ValueTask<byte[]?> FindAsync(EntryName name, CancellationToken ct)
    {
        try
        {
            var reply = await client.ExecuteAsync(["GET", Key(name)], ct).ConfigureAwait(false);
            return reply.IsNull ? null : reply.AsSpan().ToArray();
        }
        catch (RespException e)
        {
            throw Away(e);
        }
    }

    public async ValueTask<EntryChange> ReplaceAsync(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota, CancellationToken ct) =>
        (await RunAsync(RedisScripts.EntryReplace, name, [expected, value, quota?.Bytes ?? -1], ct).ConfigureAwait(false)).AsInt64() switch
        {
            1 => EntryChange.Changed,
            2 => EntryChange.Full,
            _ => EntryChange.Differs,
        };

    async ValueTask<RespReply> RunAsync(RespScript script, EntryName name, RespArg[] arguments, CancellationToken ct)
    {
        try
        {
            return await client.EvalAsync(script, [Key(name), $"gateway:{name.Kind}:{{{name.Partition}}}:day:{time.GetUtcNow():yyyy-MM-dd}"], arguments, ct).ConfigureAwait(false);
        }
        catch (RespException e)
        {
            throw Away(e);
        }
    }

    static EntryStoreUnavailableException Away(RespException e) => new("Redis did not take or give an entry: " + e.Message, e);

    static string Key(EntryName name) => $"gateway:{name.Kind}:{{{name.Partition}}}:{name.Id}";
}
