using System.Globalization;
using System.Text;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>OpenAI's chat completions, spoken by OpenAI and by every compatible provider, and its older completions of plain text.</summary>
/// <param name="text">The older form.</param>
sealed class ChatDialect(bool text = false) : OpenAiDialect
{
    // The cap of the older form where the caller sets none, as the OpenAI API has it.
    const int TextCap = 16;

    static readonly byte[] AskedStreamOptions = """{"include_usage":true}"""u8.ToArray();
    static readonly byte[] InsertedStreamOptions = "\"stream_options\":{\"include_usage\":true},"u8.ToArray();
    static readonly byte[] IncludeUsage = "\"include_usage\":true"u8.ToArray();
    static readonly byte[] IncludeUsageComma = "\"include_usage\":true,"u8.ToArray();
    static readonly byte[] True = "true"u8.ToArray();

    public override string Endpoint => text ? "completions" : "chat.completions";
    public override bool HasCap => true;
    protected override string Operation => text ? "/completions" : "/chat/completions";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request) => new ChatRequestReader(body, text, Deployment(request)).Read();

    public override long? CapWithoutOne(RequestFacts facts) => text ? TextCap : null;

    public override void Prepare(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, List<BodyPatch> patches)
    {
        var chat = (ChatFacts)facts;
        if (facts.Stream && !facts.WantsStreamUsage && row.AskStreamUsage)
        {
            patches.Add(AskForUsage(body, chat));
        }
        // A cap that the provider overlooks bounds nothing: say it in the field that it reads.
        if (CapField(chat, row) == "max_tokens" && facts.OutputCap is { } cap && chat.MaxTokens is null)
        {
            patches.Add(Cap(body, facts, row, cap));
        }
    }

    public override BodyPatch Cap(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, long tokens)
    {
        var chat = (ChatFacts)facts;
        var field = CapField(chat, row);
        var there = field == "max_tokens" ? chat.MaxTokensToken : chat.MaxCompletionTokensToken;
        return there.Exists
            ? new BodyPatch(there.Start, there.Length, Encoding.ASCII.GetBytes(tokens.ToString(CultureInfo.InvariantCulture)))
            : Insert(body, string.Create(CultureInfo.InvariantCulture, $"\"{field}\":{tokens}"));
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) =>
        new ChatMeter(hideUsageEvent: facts.Stream && !facts.WantsStreamUsage && row.AskStreamUsage, row.ReasoningBeside);

    // Neither the older form nor a request with a prediction takes the newer field.
    string CapField(ChatFacts facts, ProviderRow row) => text || (facts.OutputBesideCap > 0 && facts.MaxCompletionTokensToken is { Exists: false }) ? "max_tokens" : row.CapField;

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
