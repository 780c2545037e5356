using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Ledger.Tests.Mongo;

/// <summary>Sums and configuration that a secondary has not caught up with would let money be spent twice.</summary>
public sealed class MongoPrimaryTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("secondaryPreferred")]
    [InlineData("secondary")]
    [InlineData("nearest")]
    public async Task I6_UrlPrefersSecondaries_ThePrimaryIsAskedAllTheSame(string preference)
    {
        Assert.SkipUnless(NativeLibrary.TryLoad(Native.Mongoc, out _), "libmongoc is not installed (Debian package libmongoc-1.0-0)");
        await using var set = new ScriptedReplicaSet();
        await using var ledger = await MongoLedger.OpenAsync(new MongoOptions { Url = $"mongodb://{set.Hosts}/test?replicaSet=rs&readPreference={preference}" }, new TestClock(), Ct);

        for (var i = 0; i < 5; i++)
        {
            await ledger.FindAsync("org", RequestId.New(DateTimeOffset.UnixEpoch), Ct);
            await ledger.SpendAsync("org", SpendPeriod.OfDay(new DateOnly(2026, 3, 1)), null, null, Ct);
        }

        Assert.DoesNotContain("find", set.AskedOfSecondary);
        Assert.DoesNotContain("aggregate", set.AskedOfSecondary);
        Assert.Contains("find", set.AskedOfPrimary);
        Assert.Contains("aggregate", set.AskedOfPrimary);
    }

    /// <summary>A primary and a secondary without data, which say what they are and find nothing.</summary>
    sealed class ScriptedReplicaSet : IAsyncDisposable
    {
        const int HeaderBytes = 16;
        const int OpReply = 1;
        const int OpQuery = 2004;
        const int OpMsg = 2013;

        readonly TcpListener _primary = new(IPAddress.Loopback, 0);
        readonly TcpListener _secondary = new(IPAddress.Loopback, 0);
        readonly CancellationTokenSource _stop = new();
        readonly Task _serving;

        internal ScriptedReplicaSet()
        {
            _primary.Start();
            _secondary.Start();
            _serving = Task.WhenAll(AcceptAsync(_primary, AskedOfPrimary), AcceptAsync(_secondary, AskedOfSecondary));
        }

        internal ConcurrentQueue<string> AskedOfPrimary { get; } = new();
        internal ConcurrentQueue<string> AskedOfSecondary { get; } = new();
        internal string Hosts => $"{_primary.LocalEndpoint},{_secondary.LocalEndpoint}";

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _serving;
            _primary.Dispose();
            _secondary.Dispose();
            _stop.Dispose();
        }

        async Task AcceptAsync(TcpListener member, ConcurrentQueue<string> asked)
        {
            try
            {
                while (true) _ = ServeAsync(await member.AcceptTcpClientAsync(_stop.Token), member, asked);
            }
            catch (OperationCanceledException)
            {
                return; // stopped
            }
        }

        async Task ServeAsync(TcpClient client, TcpListener member, ConcurrentQueue<string> asked)
        {
            try
            {
                using (client)
                {
                    var stream = client.GetStream();
                    var header = new byte[HeaderBytes];
                    while (true)
                    {
                        await stream.ReadExactlyAsync(header, _stop.Token);
                        var body = new byte[BinaryPrimitives.ReadInt32LittleEndian(header) - HeaderBytes];
                        await stream.ReadExactlyAsync(body, _stop.Token);
                        var query = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(12)) == OpQuery;
                        var name = BsonReader.Read(body.AsSpan(query ? 4 + body.AsSpan(4).IndexOf((byte)0) + 9 : 5)).Keys.First();
                        asked.Enqueue(name);
                        await stream.WriteAsync(Message(header.AsSpan(4, 4), query, Answer(name, member).ToBytes()), _stop.Token);
                    }
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                return; // the driver has gone, or the test is over
            }
        }

        static byte[] Message(ReadOnlySpan<byte> answersTo, bool query, byte[] document)
        {
            // OP_REPLY: flags, cursor, first, count; OP_MSG: flags, kind of section.
            var front = new byte[HeaderBytes + (query ? 20 : 5)];
            BinaryPrimitives.WriteInt32LittleEndian(front, front.Length + document.Length);
            answersTo.CopyTo(front.AsSpan(8));
            BinaryPrimitives.WriteInt32LittleEndian(front.AsSpan(12), query ? OpReply : OpMsg);
            if (query) BinaryPrimitives.WriteInt32LittleEndian(front.AsSpan(32), 1);
            return [.. front, .. document];
        }

        Bson Answer(string command, TcpListener member) => command switch
        {
            "find" or "aggregate" => new Bson { { "cursor", new Bson { { "firstBatch", Array.Empty<Bson>() }, { "id", 0L }, { "ns", "test.none" } } }, { "ok", 1.0 } },
            "hello" or "isMaster" or "ismaster" => new Bson
            {
                { "ismaster", member == _primary }, { "isWritablePrimary", member == _primary }, { "secondary", member == _secondary }, { "helloOk", true },
                { "setName", "rs" }, { "setVersion", 1 }, { "hosts", Hosts.Split(',') }, { "primary", $"{_primary.LocalEndpoint}" }, { "me", $"{member.LocalEndpoint}" },
                { "maxBsonObjectSize", 16 << 20 }, { "maxMessageSizeBytes", 48_000_000 }, { "maxWriteBatchSize", 100_000 }, { "minWireVersion", 0 }, { "maxWireVersion", 17 }, { "ok", 1.0 },
            },
            _ => new Bson { { "ok", 1.0 } },
        };
    }
}
