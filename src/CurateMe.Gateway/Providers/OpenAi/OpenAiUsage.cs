using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>
/// Reads OpenAI's <c>usage</c> object, of chat (<c>prompt_tokens</c>) and of responses (<c>input_tokens</c>), into disjoint counts.
/// A block with a count that is no whole number of zero or more is not believed at all; an explicit zero is zero.
/// </summary>
ref struct OpenAiUsage
{
    long? prompt;
    long? completion;
    long? total;
    long cached;
    long cacheHits;
    long audioIn;
    long audioOut;
    long imageIn;
    long imageOut;
    long reasoning;
    long searches;
    long citations;
    bool malformed;

    /// <summary>Reads the object the reader stands at the start of.</summary>
    /// <returns>False when it says nothing usable; the reader then stands at its end all the same.</returns>
    public static bool TryRead(ref Utf8JsonReader json, bool reasoningBeside, out UsageCounts usage)
    {
        var read = new OpenAiUsage();
        read.ReadObject(ref json, Part.Whole);
        usage = default;
        if (read.malformed || (read.prompt is null && read.completion is null && read.total is null))
        {
            return false;
        }
        read.Count(reasoningBeside, ref usage);
        return true;
    }

    void Count(bool reasoningBeside, ref UsageCounts usage)
    {
        var input = prompt ?? Math.Max(0, (total ?? 0) - (completion ?? 0));
        var output = completion ?? Math.Max(0, (total ?? 0) - input);
        var cachedInput = cached == 0 ? cacheHits : cached;
        usage[BilledUnit.CachedInputToken] = cachedInput;
        usage[BilledUnit.AudioInputToken] = audioIn;
        usage[BilledUnit.ImageInputToken] = imageIn;
        usage[BilledUnit.InputToken] = Math.Max(0, input - cachedInput - audioIn - imageIn);
        var beside = reasoningBeside || (reasoning > 0 && total == input + output + reasoning);
        usage[BilledUnit.ReasoningToken] = reasoning;
        usage[BilledUnit.AudioOutputToken] = audioOut;
        usage[BilledUnit.ImageOutputToken] = imageOut;
        usage[BilledUnit.WebSearch] = searches;
        usage[BilledUnit.CitationToken] = citations;
        usage[BilledUnit.OutputToken] = Math.Max(0, output - audioOut - imageOut - (beside ? 0 : reasoning));
    }

    void ReadObject(ref Utf8JsonReader json, Part part)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (part == Part.Whole && (json.ValueTextEquals("prompt_tokens_details"u8) || json.ValueTextEquals("input_tokens_details"u8) || json.ValueTextEquals("input_token_details"u8)))
            {
                ReadDetails(ref json, Part.Input);
            }
            else if (part == Part.Whole && (json.ValueTextEquals("completion_tokens_details"u8) || json.ValueTextEquals("output_tokens_details"u8)))
            {
                ReadDetails(ref json, Part.Output);
            }
            else if (Counter(ref json, part) is { } counter)
            {
                json.Read();
                Store(counter, ReadCount(ref json));
            }
            else
            {
                json.Read();
                json.Skip();
            }
        }
    }

    void ReadDetails(ref Utf8JsonReader json, Part part)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.StartObject)
        {
            ReadObject(ref json, part);
        }
        else
        {
            json.Skip();
        }
    }

    static Field? Counter(ref Utf8JsonReader json, Part part) => part switch
    {
        Part.Whole => json.ValueTextEquals("prompt_tokens"u8) || json.ValueTextEquals("input_tokens"u8) ? Field.Prompt
            : json.ValueTextEquals("completion_tokens"u8) || json.ValueTextEquals("output_tokens"u8) ? Field.Completion
            : json.ValueTextEquals("total_tokens"u8) ? Field.Total
            : json.ValueTextEquals("prompt_cache_hit_tokens"u8) ? Field.CacheHits
            : json.ValueTextEquals("num_search_queries"u8) ? Field.Searches
            : json.ValueTextEquals("citation_tokens"u8) ? Field.Citations
            : json.ValueTextEquals("reasoning_tokens"u8) ? Field.Reasoning
            : null,
        Part.Input => json.ValueTextEquals("cached_tokens"u8) ? Field.Cached
            : json.ValueTextEquals("audio_tokens"u8) ? Field.AudioIn
            : json.ValueTextEquals("image_tokens"u8) ? Field.ImageIn
            : null,
        _ => json.ValueTextEquals("reasoning_tokens"u8) ? Field.Reasoning
            : json.ValueTextEquals("audio_tokens"u8) ? Field.AudioOut
            : json.ValueTextEquals("image_tokens"u8) ? Field.ImageOut
            : null,
    };

    void Store(Field field, long? count)
    {
        switch (field)
        {
            case Field.Prompt:
                prompt = count;
                break;
            case Field.Completion:
                completion = count;
                break;
            case Field.Total:
                total = count;
                break;
            case Field.Cached:
                cached = count ?? 0;
                break;
            case Field.CacheHits:
                cacheHits = count ?? 0;
                break;
            case Field.AudioIn:
                audioIn = count ?? 0;
                break;
            case Field.AudioOut:
                audioOut = count ?? 0;
                break;
            case Field.ImageIn:
                imageIn = count ?? 0;
                break;
            case Field.ImageOut:
                imageOut = count ?? 0;
                break;
            case Field.Searches:
                searches = count ?? 0;
                break;
            case Field.Citations:
                citations = count ?? 0;
                break;
            default:
                reasoning = count ?? 0;
                break;
        }
    }

    long? ReadCount(ref Utf8JsonReader json)
    {
        if (json.TokenType == JsonTokenType.Null)
        {
            return null;
        }
        if (json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var count) && UsageCounts.IsValid(count))
        {
            return count;
        }
        malformed = true;
        json.Skip();
        return null;
    }

    enum Part : byte
    {
        Whole,
        Input,
        Output,
    }

    enum Field : byte
    {
        Prompt,
        Completion,
        Total,
        Cached,
        CacheHits,
        AudioIn,
        AudioOut,
        ImageIn,
        ImageOut,
        Reasoning,
        Searches,
        Citations,
    }
}
