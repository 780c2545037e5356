using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Anthropic;

/// <summary>
/// Usage of a message: the answer's <c>usage</c>, or in a stream that of <c>message_start</c> with what <c>message_delta</c> says over it;
/// the counts of the latter are totals, not additions.
/// </summary>
sealed class MessagesMeter : UsageMeter
{
    // Bytes of a content_block_delta around its text.
    const int DeltaFrame = 80;

    AnthropicUsage usage;

    public override void ReadPlain(ReadOnlySpan<byte> body)
    {
        Reading.OutputBytes = body.Length;
        if (ReadMembers(body, "usage"u8))
        {
            Take(whole: true);
        }
    }

    public override bool ReadEvent(ReadOnlySpan<byte> data)
    {
        var type = AnswerJson.TypeOf(data);
        if (type.SequenceEqual("content_block_delta"u8))
        {
            Reading.OutputBytes += Math.Max(1, data.Length - DeltaFrame);
        }
        else if (data.IndexOf("\"usage\""u8) >= 0 && ReadMembers(data, "usage"u8))
        {
            Take(whole: type.SequenceEqual("message_delta"u8));
        }
        return true;
    }

    void Take(bool whole)
    {
        Reading.Usage = usage.Counts;
        Reading.Tier = usage.Tier ?? Reading.Tier;
        Reading.InputKnown = usage.HasInput;
        Reading.Known = Reading.Final = whole && usage.HasInput && usage.HasOutput;
    }

    // Finds the usage object at the root, or within "message".
    bool ReadMembers(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name)
    {
        var found = false;
        var json = AnswerJson.Open(text);
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }
            while (json.Read())
            {
                if (json.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }
                var isUsage = json.ValueTextEquals(name);
                var isMessage = json.CurrentDepth == 1 && json.ValueTextEquals("message"u8);
                json.Read();
                if (isUsage && json.TokenType == JsonTokenType.StartObject)
                {
                    found |= usage.Read(ref json);
                }
                else if (!isMessage)
                {
                    json.Skip();
                }
            }
        }
        catch (JsonException)
        {
            // Not JSON: it passes to the client as it is, and says no more of usage.
        }
        return found;
    }
}

/// <summary>Anthropic's usage block, read over what earlier blocks of the same answer said.</summary>
struct AnthropicUsage
{
    static readonly string[] Names =
    [
        "input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens", "web_search_requests",
    ];

    static readonly FieldNames Fields = new([.. Names, "service_tier", "speed", "cache_creation", "server_tool_use", "iterations", "type"]);

    long input;
    long output;
    long written;
    long read;
    long written5m;
    long written1h;
    long searches;
    bool isBeside;
    UsageCounts beside;

    /// <summary>Disjoint counts of all that is billed.</summary>
    public UsageCounts Counts { get; private set; }

    public bool HasInput { get; private set; }
    public bool HasOutput { get; private set; }
    public ServiceTier? Tier { get; private set; }

    /// <summary>Takes over the counts of this block; a block with one, or a sum, that is no whole number of zero or more is not believed at all.</summary>
    public bool Read(ref Utf8JsonReader json)
    {
        var next = this;
        var good = next.ReadObject(ref json);
        var counts = next.beside;
        if (!good || !next.TryAddTo(ref counts))
        {
            return false;
        }
        next.Counts = counts;
        this = next;
        return true;
    }

    // What is written without being split is written for the shorter time.
    readonly bool TryAddTo(ref UsageCounts counts) =>
        TryAdd(ref counts, BilledUnit.InputToken, input)
        && TryAdd(ref counts, BilledUnit.CachedInputToken, read)
        && TryAdd(ref counts, BilledUnit.CacheWrite1hToken, written1h)
        && TryAdd(ref counts, BilledUnit.CacheWrite5mToken, Math.Max(written - written1h, written5m))
        && TryAdd(ref counts, BilledUnit.OutputToken, output)
        && TryAdd(ref counts, BilledUnit.WebSearch, searches);

    static bool TryAdd(ref UsageCounts counts, BilledUnit unit, long more)
    {
        var sum = counts[unit] + more;
        var good = UsageCounts.IsValid(sum);
        counts[unit] = good ? sum : 0;
        return good;
    }

    bool ReadObject(ref Utf8JsonReader json)
    {
        var good = true;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = Fields.Find(ref json);
            json.Read();
            switch (field)
            {
                case >= 0 and < 7 when json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var count) && UsageCounts.IsValid(count):
                    Store(field, count);
                    break;
                case >= 0 and < 7:
                    good &= json.TokenType == JsonTokenType.Null;
                    json.Skip();
                    break;
                case 7 or 8:
                    ReadTier(ref json);
                    break;
                case 9 or 10 when json.TokenType == JsonTokenType.StartObject:
                    good &= ReadObject(ref json);
                    break;
                case 11 when json.TokenType == JsonTokenType.StartArray:
                    good &= ReadIterations(ref json);
                    break;
                case 12:
                    isBeside = json.TokenType != JsonTokenType.String || !(json.ValueTextEquals("message"u8) || json.ValueTextEquals("fallback_message"u8));
                    json.Skip();
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
        return good;
    }

    // The counts of the answer are those of the messages. What else was done for it, such as summing up or asking an adviser, stands here alone.
    bool ReadIterations(ref Utf8JsonReader json)
    {
        var good = true;
        beside = default;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            var one = new AnthropicUsage();
            if (json.TokenType == JsonTokenType.StartObject)
            {
                good &= one.ReadObject(ref json) && (!one.isBeside || one.TryAddTo(ref beside));
            }
            else
            {
                json.Skip();
            }
        }
        return good;
    }

    // Capacity that was bought ahead ("priority") is billed by its contract; the list prices stand for it.
    void ReadTier(ref Utf8JsonReader json)
    {
        Tier = json.TokenType != JsonTokenType.String ? Tier
            : json.ValueTextEquals("fast"u8) ? ServiceTier.Fast
            : json.ValueTextEquals("batch"u8) ? ServiceTier.Batch
            : Tier ?? ServiceTier.Standard;
        json.Skip();
    }

    void Store(int field, long count)
    {
        switch (field)
        {
            case 0:
                input = count;
                HasInput = true;
                break;
            case 1:
                output = count;
                HasOutput = true;
                break;
            case 2:
                written = count;
                break;
            case 3:
                read = count;
                break;
            case 4:
                written5m = count;
                break;
            case 5:
                written1h = count;
                break;
            default:
                searches = count;
                break;
        }
    }
}
