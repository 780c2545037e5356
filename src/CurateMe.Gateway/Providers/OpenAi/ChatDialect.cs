using System.Globalization;
using System.Text;
using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>OpenAI's chat completions, spoken by OpenAI and by every compatible provider.</summary>
sealed class ChatDialect : Dialect
{
    static readonly byte[] AskedStreamOptions = """{"include_usage":true}"""u8.ToArray();
    static readonly byte[] InsertedStreamOptions = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();
    static readonly byte[] IncludeUsage = "\"include_usage\":true"u8.ToArray();
    static readonly byte[] IncludeUsageComma = "\"include_usage\":true,"u8.ToArray();
    static readonly byte[] True = "true"u8.ToArray();

    public override string Endpoint => "chat.completions";

    public override bool HasCap => true;

    public override string UpstreamPath(ProviderRow row, RequestFacts facts, HttpRequest request) => "/chat/completions";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request) => new ChatRequestReader(body).Read();

    public override void Prepare(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, List<BodyPatch> patches)
    {
        if (facts.Stream && !facts.WantsStreamUsage && row.AskStreamUsage)
        {
            patches.Add(AskForUsage(body, (ChatFacts)facts));
        }
        // A cap that the provider overlooks bounds nothing: say it in the field that it reads.
        if (row.CapField == "max_tokens" && facts.OutputCap is { } cap && ((ChatFacts)facts).MaxTokens is null)
        {
            patches.Add(Cap(body, facts, row, cap));
        }
    }

    public override BodyPatch Cap(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, long tokens)
    {
        var chat = (ChatFacts)facts;
        var there = row.CapField == "max_tokens" ? chat.MaxTokensToken : chat.MaxCompletionTokensToken;
        return there.Exists
            ? new BodyPatch(there.Start, there.Length, Encoding.ASCII.GetBytes(tokens.ToString(CultureInfo.InvariantCulture)))
            : new BodyPatch(body.IndexOf((byte)'{') + 1, 0, Encoding.UTF8.GetBytes($"\"{row.CapField}\":{tokens},"));
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row) => new ChatMeter(hideUsageEvent: facts.Stream && !facts.WantsStreamUsage && row.AskStreamUsage, row.ReasoningBeside);

    static BodyPatch AskForUsage(ReadOnlySpan<byte> body, ChatFacts facts)
    {
        if (facts.IncludeUsageToken is { Exists: true } said)
        {
            return new BodyPatch(said.Start, said.Length, True);
        }
        if (!facts.StreamOptionsToken.Exists)
        {
            return new BodyPatch(body.IndexOf((byte)'{') + 1, 0, InsertedStreamOptions);
        }
        var there = facts.StreamOptionsToken;
        var inside = body.Slice(there.Start + 1, Math.Max(0, there.Length - 2)).Trim(" \t\r\n"u8);
        return body[there.Start] != (byte)'{'
            ? new BodyPatch(there.Start, there.Length, AskedStreamOptions)
            : new BodyPatch(there.Start + 1, 0, inside.IsEmpty ? IncludeUsage : IncludeUsageComma);
    }
}
