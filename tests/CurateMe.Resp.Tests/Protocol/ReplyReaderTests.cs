using System.Text;
using Xunit;

namespace CurateMe.Resp.Tests.Protocol;

public sealed class ReplyReaderTests
{
    /// <summary>Wire form, and the reply as <see cref="Show"/> writes it.</summary>
    public static TheoryData<string, string> Corpus => new()
    {
        { "+OK\r\n", "+OK" },
        { "+\r\n", "+" },
        { "-ERR wrong kind\r\n", "-ERR wrong kind" },
        { ":0\r\n", ":0" },
        { ":-9223372036854775808\r\n", ":-9223372036854775808" },
        { ":9223372036854775807\r\n", ":9223372036854775807" },
        { "$5\r\nhello\r\n", "$hello" },
        { "$0\r\n\r\n", "$" },
        { "$4\r\n\r\n\r\n\r\n", "$\r\n\r\n" },
        { "$-1\r\n", "null" },
        { "*-1\r\n", "null" },
        { "_\r\n", "null" },
        { "*0\r\n", "*[]" },
        { "*3\r\n:1\r\n$2\r\nab\r\n*2\r\n+x\r\n$-1\r\n", "*[:1,$ab,*[+x,null]]" },
        { "*2\r\n*1\r\n*1\r\n*0\r\n-ERR in it\r\n", "*[*[*[*[]]],-ERR in it]" },
        { "#t\r\n", "#1" },
        { "#f\r\n", "#0" },
        { ",1.5\r\n", ",1.5" },
        { ",inf\r\n", ",Infinity" },
        { ",-inf\r\n", ",-Infinity" },
        { ",nan\r\n", ",NaN" },
        { "(3492890328409238509324850943850943825024385\r\n", "(3492890328409238509324850943850943825024385" },
        { "!11\r\nOOM no more\r\n", "-OOM no more" },
        { "=7\r\ntxt:abc\r\n", "=abc" },
        { "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", "%[+a,:1,+b,*[:2]]" },
        { "~2\r\n:1\r\n:2\r\n", "~[:1,:2]" },
        { ">3\r\n+message\r\n+c\r\n+m\r\n", ">[+message,+c,+m]" },
        { "|1\r\n+ttl\r\n:3\r\n", "|[+ttl,:3]" },
        { "*2\r\n|1\r\n+ttl\r\n:3\r\n:1\r\n|0\r\n:2\r\n", "*[:1,:2]" },
    };

    public static TheoryData<string> Malformed => new()
    {
        "x", "\r\n", "OK\r\n", "+a\nb\r\n", "+a\rb\r\n", ":\r\n", ":1a\r\n", ": 1\r\n", ":1.5\r\n", ":9223372036854775808\r\n", "$\r\n", "$a\r\n", "$-2\r\n", "$+1\r\na\r\n", "$ 1\r\na\r\n",
        "$1\r\nab\r\n", "$1\r\na\n\r", "$99999999999999999999\r\n", "$1048577\r\n", "*-2\r\n", "*1e3\r\n", "*9999999999\r\n", "!-1\r\n", "=3\r\nabc\r\n", "=4\r\nabcd\r\n", "_x\r\n", "#x\r\n", "#\r\n",
        ",\r\n", ",x\r\n", ",1.5x\r\n", "(\r\n", "(1x\r\n", "(+-1\r\n", "%-1\r\n", "~-1\r\n", ">-1\r\n", "*2\r\n:1\r\nx", "*1\r\n$1\r\nabc", "$?\r\n", "*?\r\n", "+a\r\n\0",
    };

    [Theory]
    [MemberData(nameof(Corpus))]
    public void Reply_CutAtEveryByte_ReadsTheSame(string wire, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(wire);
        for (var cut = 0; cut <= bytes.Length; cut++)
            Assert.Equal([expected], ReadAll([bytes[..cut], bytes[cut..]]));
    }

    [Theory]
    [MemberData(nameof(Corpus))]
    public void Reply_ByteByByte_ReadsTheSame(string wire, string expected) =>
        Assert.Equal([expected], ReadAll(Encoding.UTF8.GetBytes(wire).Select(static b => new[] { b })));

    [Fact]
    public void WholeCorpus_InOneStreamCutAtEveryByte_ReadsEveryReplyInOrder()
    {
        var rows = Corpus.Select(static row => row.Data).ToArray();
        var bytes = Encoding.UTF8.GetBytes(string.Concat(rows.Select(static r => r.Item1)));
        var expected = rows.Select(static r => r.Item2).ToArray();
        for (var cut = 0; cut <= bytes.Length; cut++)
            Assert.Equal(expected, ReadAll([bytes[..cut], bytes[cut..]]));
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Reply_Malformed_Throws(string wire) => Assert.Throws<RespProtocolException>(() => ReadAll([Encoding.UTF8.GetBytes(wire)]));

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Reply_MalformedByteByByte_Throws(string wire) =>
        Assert.Throws<RespProtocolException>(() => ReadAll(Encoding.UTF8.GetBytes(wire).Select(static b => new[] { b })));

    [Theory]
    [InlineData("$101\r\n", "limit of 100")]
    [InlineData("*11\r\n", "limit of 10")]
    [InlineData("*2\r\n*6\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*6\r\n", "MaxElements = 10")]
    [InlineData("%6\r\n", "MaxElements = 10")]
    [InlineData("*1\r\n*1\r\n*1\r\n*1\r\n", "MaxDepth = 3")]
    public void Reply_PastALimit_ThrowsNamingIt(string wire, string named)
    {
        var error = Assert.Throws<RespProtocolException>(() => ReadAll([Encoding.UTF8.GetBytes(wire)], new() { MaxBulkBytes = 100, MaxElements = 10, MaxDepth = 3 }));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Line_WithoutEnd_ThrowsAtItsLimit()
    {
        var error = Assert.Throws<RespProtocolException>(() => ReadAll([Encoding.ASCII.GetBytes("+" + new string('a', 1000))], new() { MaxLineBytes = 500 }));
        Assert.Contains("MaxLineBytes = 500", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reply_OfManyFittingParts_ThrowsAtTheLimitOfTheWhole()
    {
        var wire = "*10\r\n" + string.Concat(Enumerable.Repeat("$90\r\n" + new string('a', 90) + "\r\n", 10));
        var limits = new RespLimits { MaxBulkBytes = 100, MaxReplyBytes = 500 };
        var error = Assert.Throws<RespProtocolException>(() => ReadAll([Encoding.ASCII.GetBytes(wire)], limits));
        Assert.Contains("MaxReplyBytes = 500", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Header_PromisingTheMost_AllocatesNothingForIt()
    {
        var reader = new ReplyReader(RespLimits.Default);
        Feed(reader, "$33554432\r\nab"u8);
        Assert.False(reader.TryRead(out _)); // warm
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Feed(reader, "x"u8);
            Assert.False(reader.TryRead(out _));
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        reader.Release();
    }

    [Fact]
    public void Reply_LargerThanTheBuffer_ReadsWhole()
    {
        var body = new byte[3 << 20];
        new Random(7).NextBytes(body);
        byte[] wire = [.. "*2\r\n$3145728\r\n"u8, .. body, .. "\r\n:5\r\n+OK\r\n"u8];
        var reader = new ReplyReader(RespLimits.Default);
        List<RespReply> replies = [];
        foreach (var chunk in wire.Chunk(50_000))
        {
            Feed(reader, chunk);
            while (reader.TryRead(out var reply))
                replies.Add(reply);
        }
        Assert.Equal(2, replies.Count);
        Assert.True(replies[0][0].AsSpan().SequenceEqual(body));
        Assert.Equal(5, replies[0][1].AsInt64());
        Assert.True(replies[1].IsOk);
        reader.Release();
    }

    [Fact]
    public void Reply_Kept_IsNotChangedByLaterOnes()
    {
        var reader = new ReplyReader(RespLimits.Default);
        Feed(reader, "$5\r\nfirst\r\n*1\r\n$5\r\ninner\r\n"u8);
        Assert.True(reader.TryRead(out var first));
        Assert.True(reader.TryRead(out var array));
        Feed(reader, "$5\r\nlater\r\n*1\r\n$5\r\nother\r\n"u8);
        Assert.True(reader.TryRead(out _));
        Assert.True(reader.TryRead(out _));
        Assert.Equal("first", first.AsString());
        Assert.Equal("inner", array[0].AsString());
        reader.Release();
    }

    [Fact]
    public void RandomReplies_InRandomPieces_ReadAsWritten()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 300; round++)
        {
            StringBuilder wire = new();
            var expected = Enumerable.Range(0, random.Next(1, 8)).Select(_ => WriteRandom(random, wire, depth: 0)).ToArray();
            Assert.True(expected.SequenceEqual(ReadAll(Pieces(random, Encoding.Latin1.GetBytes(wire.ToString())))), $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public void RandomDamage_ToValidReplies_EndsInRepliesOrAProtocolError()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var refused = 0;
        for (var round = 0; round < 3000; round++)
        {
            StringBuilder wire = new();
            for (var i = random.Next(1, 4); i > 0; i--)
                WriteRandom(random, wire, depth: 0);
            var bytes = Encoding.Latin1.GetBytes(wire.ToString());
            for (var i = random.Next(1, 4); i > 0; i--)
                bytes[random.Next(bytes.Length)] = random.Next(3) == 0 ? (byte)"\r\n*$:-0919%~|"[random.Next(13)] : (byte)random.Next(256);
            try
            {
                ReadAll(Pieces(random, bytes), new() { MaxDepth = 6, MaxElements = 200 });
            }
            catch (RespProtocolException)
            {
                refused++;
            }
            catch (Exception e) when (e is not RespException)
            {
                Assert.Fail($"seed {seed}, round {round}: {e}");
            }
        }
        Assert.True(refused > 0, $"seed {seed}");
    }

    internal static string[] ReadAll(IEnumerable<byte[]> pieces, RespLimits? limits = null)
    {
        var reader = new ReplyReader(limits ?? new RespLimits { MaxBulkBytes = 1 << 20 });
        List<string> replies = [];
        foreach (var piece in pieces)
        {
            Feed(reader, piece);
            while (reader.TryRead(out var reply))
                replies.Add(Show(reply));
        }
        reader.Release();
        return [.. replies];
    }

    private static void Feed(ReplyReader reader, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var free = reader.Free.Span;
            var part = bytes[..Math.Min(free.Length, bytes.Length)];
            part.CopyTo(free);
            reader.Received(part.Length);
            bytes = bytes[part.Length..];
        }
    }

    private static string Show(in RespReply reply) => reply.Kind switch
    {
        RespKind.Null => "null",
        RespKind.SimpleString => "+" + Text(reply.AsSpan()),
        RespKind.BulkString => "$" + Text(reply.AsSpan()),
        RespKind.Verbatim => "=" + Text(reply.AsSpan()),
        RespKind.BigNumber => "(" + Text(reply.AsSpan()),
        RespKind.Error => "-" + Text(reply.ErrorText),
        RespKind.Integer => ":" + reply.AsInt64(),
        RespKind.Boolean => "#" + reply.AsInt64(),
        RespKind.Double => "," + reply.AsString(),
        RespKind.Array => Items("*", reply),
        RespKind.Set => Items("~", reply),
        RespKind.Map => Items("%", reply),
        RespKind.Push => Items(">", reply),
        _ => Items("|", reply),
    };

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    private static string Items(string mark, in RespReply reply) => mark + "[" + string.Join(',', reply.AsArray().ToArray().Select(static item => Show(item))) + "]";

    private static IEnumerable<byte[]> Pieces(Random random, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var size = Math.Min(random.Next(1, 20), bytes.Length - at);
            yield return bytes[at..(at + size)];
            at += size;
        }
    }

    private static string WriteRandom(Random random, StringBuilder wire, int depth)
    {
        var number = random.NextInt64(long.MinValue, long.MaxValue);
        switch (random.Next(depth < 4 ? 9 : 5))
        {
            case 0:
                wire.Append($":{number}\r\n");
                return $":{number}";
            case 1:
                wire.Append($"+s{number}\r\n");
                return $"+s{number}";
            case 2:
                wire.Append("$-1\r\n");
                return "null";
            case 3:
                wire.Append($"-E {number}\r\n");
                return $"-E {number}";
            case 4:
                var text = string.Concat(Enumerable.Range(0, random.Next(40)).Select(_ => (char)random.Next(256)));
                wire.Append($"${text.Length}\r\n{text}\r\n");
                return "$" + text;
            default:
                var mark = "*~%"[random.Next(3)];
                var count = random.Next(5) * (mark == '%' ? 2 : 1);
                wire.Append($"{mark}{(mark == '%' ? count / 2 : count)}\r\n");
                return mark + "[" + string.Join(',', Enumerable.Range(0, count).Select(_ => WriteRandom(random, wire, depth + 1)).ToArray()) + "]";
        }
    }
}
