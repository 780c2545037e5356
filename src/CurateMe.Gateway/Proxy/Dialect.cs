using CurateMe.Gateway.Providers;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// What differs between endpoints: how to read a request, where the output cap goes, and how to read usage. Everything else is the one
/// pipeline's. Instances are shared by all requests and keep no state.
/// </summary>
abstract class Dialect
{
    /// <summary>The operation's name in records, e.g. <c>chat.completions</c>.</summary>
    public abstract string Endpoint { get; }

    /// <summary>How this dialect's clients expect errors.</summary>
    public virtual ErrorShape Errors => ErrorShape.OpenAi;

    /// <summary>Largest answer that is read whole before it is sent on, in bytes; a larger one streams through.</summary>
    public virtual int MaxPlainAnswer => 64 << 20;

    /// <summary>Media type of the requests; null when any is read.</summary>
    public virtual string? RequestType => "application/json";

    /// <summary>What the operation does not bill at all, such as counting tokens, is forwarded without a hold.</summary>
    public virtual bool Free => false;

    /// <summary>Path below the provider's base address, with a leading slash, and the query that the provider needs.</summary>
    public abstract string UpstreamPath(ProviderRow row, RequestFacts facts, string model, HttpRequest request);

    /// <summary>The provider rows that can answer it.</summary>
    public virtual DialectKind Kind => DialectKind.OpenAi;

    /// <summary>One pass over the body.</summary>
    /// <exception cref="RefusedException">The body is not a request of this dialect; the message names the field.</exception>
    public abstract RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request);

    /// <summary>Changes to the body that this provider needs whatever the quote, such as being asked for a stream's usage.</summary>
    public virtual void Prepare(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, List<BodyPatch> patches)
    {
    }

    /// <summary>Whether the operation writes output that a cap in the request limits.</summary>
    public abstract bool HasCap { get; }

    /// <summary>The provider refuses requests without a cap, so one is sent even where policy does not clamp, or the caller is told.</summary>
    public virtual bool CapRequired => false;

    /// <summary>The cap that the operation has by itself when the caller sets none; null where only the model's limit does.</summary>
    public virtual long? CapWithoutOne(RequestFacts facts) => null;

    /// <summary>How a successful answer is passed on.</summary>
    public virtual StreamForm FormOf(RequestFacts facts, HttpResponseMessage answer) =>
        MediaTypeOf(answer).Equals("text/event-stream", StringComparison.OrdinalIgnoreCase) ? StreamForm.Events : StreamForm.Whole;

    /// <summary>The media type that an answer claims, without parameters; empty when it claims none. The framework would make three objects of it.</summary>
    protected static ReadOnlySpan<char> MediaTypeOf(HttpResponseMessage answer)
    {
        if (!answer.Content.Headers.NonValidated.TryGetValues("Content-Type", out var values))
        {
            return default;
        }
        var type = values.ToString().AsSpan();
        var parameters = type.IndexOf(';');
        return (parameters < 0 ? type : type[..parameters]).Trim();
    }

    /// <summary>The patch that makes the provider obey a cap that the caller did not set; asked only where <see cref="HasCap"/>.</summary>
    public virtual BodyPatch Cap(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, long tokens) => throw new NotSupportedException($"{Endpoint} has no cap.");

    /// <summary>The patch that asks for another model than the body names; null where the name is not in the body.</summary>
    public virtual BodyPatch? Model(ReadOnlySpan<byte> body, RequestFacts facts, string model) =>
        facts.ModelToken.Exists ? new BodyPatch(facts.ModelToken.Start, facts.ModelToken.Length, JsonText.Quote(model)) : null;

    /// <summary>A reader of this answer's usage.</summary>
    public abstract UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price);
}

/// <summary>How an answer comes.</summary>
enum StreamForm : byte
{
    /// <summary>Read whole and settled before its first byte is passed on.</summary>
    Whole,

    /// <summary>Server-sent events.</summary>
    Events,

    /// <summary>One JSON array whose elements come one by one.</summary>
    JsonArray,

    /// <summary>Bytes of sound.</summary>
    Bytes,
}

/// <summary>What a meter has learnt. <see cref="Known"/> is false when the provider said nothing usable.</summary>
struct MeterReading
{
    public UsageCounts Usage;
    public bool Known;

    /// <summary>The input counts are the provider's, whatever became of the output.</summary>
    public bool InputKnown;

    /// <summary>The usage is that of the whole answer: nothing after it can add to it, even if the stream breaks.</summary>
    public bool Final;

    /// <summary>It holds something that the provider bills beside the usage, at a price that nobody tells.</summary>
    public bool Unmetered;

    /// <summary>The tier the provider says it billed; null when it says nothing.</summary>
    public ServiceTier? Tier;

    /// <summary>Bytes of generated text that passed, for pricing an answer whose usage is unknown.</summary>
    public long OutputBytes;

    /// <summary>The answer is only a promise: the generation goes on at the provider, and its bill is not known yet.</summary>
    public bool Pending;

    /// <summary>Name under which the provider keeps the answer.</summary>
    public string? StoredId;

    /// <summary>Size and quality of generated pictures, where priced by them.</summary>
    public string? ImageVariant;
}

/// <summary>Reads the usage of one answer as it passes. One request, one meter; not thread-safe.</summary>
abstract class UsageMeter
{
    MeterReading reading;

    public ref MeterReading Reading => ref reading;

    /// <summary>A whole answer that is not a stream.</summary>
    public abstract void ReadPlain(ReadOnlySpan<byte> body);

    /// <summary>One server-sent event's data, without its framing.</summary>
    /// <returns>False when the event is the gateway's own wish and must be kept from the client.</returns>
    public abstract bool ReadEvent(ReadOnlySpan<byte> data);

    /// <summary>Bytes of an event that is too large to be read.</summary>
    public void PassUnread(int bytes)
    {
        reading.OutputBytes += bytes;
        // It may have brought totals that are higher than those told before.
        reading.Known &= reading.Final;
    }
}
