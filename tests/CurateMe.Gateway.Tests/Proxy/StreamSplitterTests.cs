using System.Text;
using CurateMe.Gateway.Providers.OpenAi;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

/// <summary>What the meter reads of a stream and what the client gets, where some pieces are larger than the limit.</summary>
public sealed class StreamSplitterTests
{
    const int Streams = 1500;
    const int Limit = 60;

    /// <param name="Read">What the meter is to be shown; null for nothing.</param>
    readonly record struct Piece(string Text, string? Read);

    [Theory]
    [InlineData(nameof(StreamForm.Events))]
    [InlineData(nameof(StreamForm.JsonArray))]
    public async Task Pass_CutAnywhere_OnlyTooLargePiecesAreUnreadAndCounted(string formName)
    {
        var form = Enum.Parse<StreamForm>(formName);
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CM_TEST_SEED"), out var given) ? given : Random.Shared.Next();
        var random = new Random(seed);
        for (var i = 0; i < Streams; i++)
        {
            List<Piece> pieces = [.. Enumerable.Range(0, random.Next(8)).Select(_ => form == StreamForm.Events ? Event(random) : Element(random))];
            var text = form == StreamForm.Events ? string.Concat(pieces.Select(static p => p.Text)) : $"[{string.Join(",\r\n", pieces.Select(static p => p.Text))}]\n";
            var told = $"seed {seed}, stream {i}: {text}";

            var expected = Expected(pieces, text);
            AssertSame(expected, await PassAsync(form, text, static left => left), told);
            AssertSame(expected, await PassAsync(form, text, static _ => 1), told);
            AssertSame(expected, await PassAsync(form, text, left => random.Next(left + 1)), told);

            var broken = text[..random.Next(text.Length + 1)];
            AssertSame(await PassAsync(form, broken, static left => left), await PassAsync(form, broken, left => random.Next(left + 1)), $"{told}\nbroken off: {broken}");
        }
    }

    [Theory]
    [InlineData(Limit, true)]
    [InlineData(Limit + 1, false)]
    public async Task Pass_EventAboutTheLimit_ItsWholeSizeDecides(int size, bool read)
    {
        var text = $"data: {new string('a', size - "data: \n\n".Length)}\n\n";

        foreach (var cut in (int[])[1, size - 2, size - 1, size])
        {
            var (seen, unread, client) = await PassAsync(StreamForm.Events, text, left => Math.Min(left, cut));

            Assert.Equal((read, read ? 0 : size, text), (seen.Length > 0, unread, client));
        }
    }

    [Theory]
    [InlineData("[{\"a\":1},{\"b\":\"cd", 8)]
    [InlineData("[{\"a\":1},\n{", 1)]
    [InlineData("[{\"a\":1},\n", 0)]
    [InlineData("[{\"a\":1}]\n", 0)]
    public async Task Pass_ArrayBrokenOff_CountsItsLastElement(string text, long unread)
    {
        foreach (var cut in (int[])[1, 5, text.Length])
        {
            var (_, counted, client) = await PassAsync(StreamForm.JsonArray, text, left => Math.Min(left, cut));
            Assert.Equal((unread, text), (counted, client));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PassUnread_TotalsSoFar_AreNoBillUnlessFinal(bool final)
    {
        UsageMeter meter = new Listener();
        meter.Reading.Known = meter.Reading.InputKnown = true;
        meter.Reading.Final = final;

        meter.PassUnread(7);

        Assert.Equal((final, true, 7), (meter.Reading.Known, meter.Reading.InputKnown, meter.Reading.OutputBytes));
    }

    static void AssertSame((string Seen, long Unread, string Client) expected, (string Seen, long Unread, string Client) actual, string told) =>
        Assert.True(expected == actual, $"{told}\nexpected: {expected}\nwas: {actual}");

    static (string Seen, long Unread, string Client) Expected(List<Piece> pieces, string text)
    {
        var seen = pieces.Where(static p => p.Text.Length <= Limit && p.Read is not null).ToList();
        var client = text;
        foreach (var hidden in seen.Where(static p => Listener.Hides(p.Read!)))
        {
            client = client.Replace(hidden.Text, "", StringComparison.Ordinal);
        }
        return (string.Join('|', seen.Select(static p => p.Read)), pieces.Where(static p => p.Text.Length > Limit).Sum(static p => p.Text.Length), client);
    }

    // As the relay does: what was not taken comes again, with what follows.
    static async Task<(string Seen, long Unread, string Client)> PassAsync(StreamForm form, string text, Func<int, int> next)
    {
        var http = new DefaultHttpContext();
        using var body = new MemoryStream();
        http.Response.Body = body;
        var client = new ClientStream(new Exchange(http, new ChatDialect(), RequestId.New(DateTimeOffset.UnixEpoch), DateTimeOffset.UnixEpoch, 0), Timeout.InfiniteTimeSpan, default);
        var meter = new Listener();
        var splitter = StreamSplitter.Of(form, meter, Limit);
        var bytes = Encoding.Latin1.GetBytes(text);
        var start = 0;
        for (var end = 0; end < bytes.Length;)
        {
            end += next(bytes.Length - end);
            start += splitter.Pass(bytes.AsSpan(start..end), client);
            Assert.InRange(end - start, 0, Limit + 2);
        }
        splitter.Finish(bytes.AsSpan(start), client);
        await http.Response.BodyWriter.FlushAsync(TestContext.Current.CancellationToken);
        return (string.Join('|', meter.Seen), meter.Reading.OutputBytes, Encoding.Latin1.GetString(body.ToArray()));
    }

    // Lines of every kind that may be taken for blank ones, in particular where they are cut.
    static Piece Event(Random random)
    {
        List<string> data = [];
        var text = new StringBuilder();
        for (var lines = random.Next(5); lines > 0; lines--)
        {
            if (random.Next(2) == 0)
            {
                data.Add($"{(data.Count == 0 ? Unique(random) : "")}{Letters(random, "ab\r:", 50)}.");
                text.Append("data: ").Append(data[^1]);
            }
            else
            {
                text.Append(random.Next(4) switch { 0 => "x", 1 => "\r", 2 => ": c", _ => ":" });
            }
            // A carriage return alone would make a blank line.
            text.Append(text is [.., '\r'] || random.Next(3) == 0 ? "\r\n" : "\n");
        }
        return new Piece(text.Append(random.Next(2) == 0 ? "\n" : "\r\n").ToString(), data.Count == 0 ? null : string.Join('\n', data));
    }

    static Piece Element(Random random)
    {
        var text = Value(random, depth: 3);
        return new Piece(text, text);
    }

    static string Value(Random random, int depth) => random.Next(3) switch
    {
        _ when depth == 0 => "\"" + string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => random.GetItems((string[])["a", "\\\"", "\\\\", "{", "}", "[", "]", ","], 1)[0])) + "\"",
        0 => $"[{string.Join(',', Enumerable.Range(0, random.Next(3)).Select(_ => Value(random, depth - 1)))}]",
        _ => $"{{\"k\":{Value(random, depth - 1)},\"n\":null}}",
    };

    static string Letters(Random random, string alphabet, int most) => new(random.GetItems<char>(alphabet, random.Next(most)));

    // Some are hidden from the client; no two of those are equal, and none stands within another.
    static string Unique(Random random) => random.Next(4) == 0 ? $"hide{random.Next():x8}" : "";

    sealed class Listener : UsageMeter
    {
        public List<string> Seen { get; } = [];

        public static bool Hides(string data) => data.StartsWith("hide", StringComparison.Ordinal);

        public override void ReadPlain(ReadOnlySpan<byte> body)
        {
        }

        public override bool ReadEvent(ReadOnlySpan<byte> data)
        {
            Seen.Add(Encoding.Latin1.GetString(data));
            return !Hides(Seen[^1]);
        }
    }
}
