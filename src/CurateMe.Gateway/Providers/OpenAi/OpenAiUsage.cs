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
    static readonly (FieldNames Names, Field[] Fields) Whole = Named(
        ("prompt_tokens", Field.Prompt), ("input_tokens", Field.Prompt), ("completion_tokens", Field.Completion), ("output_tokens", Field.Completion), ("total_tokens", Field.Total),
        ("prompt_cache_hit_tokens", Field.CacheHits), ("cached_tokens", Field.CacheHits), ("num_search_queries", Field.Searches), ("citation_tokens", Field.Citations),
        ("reasoning_tokens", Field.Reasoning), ("prompt_tokens_details", Field.InputDetails), ("input_tokens_details", Field.InputDetails), ("input_token_details", Field.InputDetails),
        ("completion_tokens_details", Field.OutputDetails), ("output_tokens_details", Field.OutputDetails));

    static readonly (FieldNames Names, Field[] Fields) Input = Named(("cached_tokens", Field.Cached), ("audio_tokens", Field.AudioIn), ("image_tokens", Field.ImageIn));
    static readonly (FieldNames Names, Field[] Fields) Output = Named(("reasoning_tokens", Field.Reasoning), ("audio_tokens", Field.AudioOut), ("image_tokens", Field.ImageOut));

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
        read.ReadObject(ref json, Whole);
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

    void ReadObject(ref Utf8JsonReader json, (FieldNames Names, Field[] Fields) part)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var found = part.Names.Find(ref json);
            json.Read();
            switch (found < 0 ? Field.None : part.Fields[found])
            {
                case Field.None:
                    json.Skip();
                    break;
                case Field.InputDetails:
                    ReadDetails(ref json, Input);
                    break;
                case Field.OutputDetails:
                    ReadDetails(ref json, Output);
                    break;
                case var counter:
                    Store(counter, ReadCount(ref json));
                    break;
            }
        }
    }

    void ReadDetails(ref Utf8JsonReader json, (FieldNames Names, Field[] Fields) part)
    {
        if (json.TokenType == JsonTokenType.StartObject)
        {
            ReadObject(ref json, part);
        }
        else
        {
            json.Skip();
        }
    }

    static (FieldNames Names, Field[] Fields) Named(params (string Name, Field Field)[] fields) => (new FieldNames([.. fields.Select(static f => f.Name)]), [.. fields.Select(static f => f.Field)]);

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
        InputDetails,
        OutputDetails,
        None,
    }
}
