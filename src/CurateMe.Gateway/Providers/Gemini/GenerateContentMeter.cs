using System.Numerics;
using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Gemini;

/// <summary>Usage of generated content: <c>usageMetadata</c>, which every chunk of a stream carries with the totals so far; the last one counts.</summary>
sealed class GenerateContentMeter(string model, int candidates = 1) : UsageMeter
{
    // Bytes of a chunk around its text.
    const int ChunkFrame = 350;

    static readonly FieldNames AnswerFields = new("usageMetadata", "candidates");
    static readonly FieldNames CandidateFields = new("index", "finishReason", "groundingMetadata");
    static readonly FieldNames GroundingFields = new("webSearchQueries", "groundingChunks");

    // One bit for each candidate.
    uint finished;

    /// <summary>Whether a grounded prompt is billed once, as for the models before Gemini 3, and not by each of its searches.</summary>
    public static bool BillsPrompts(string model) => model.StartsWith("gemini-1", StringComparison.Ordinal) || model.StartsWith("gemini-2", StringComparison.Ordinal);

    public override void ReadPlain(ReadOnlySpan<byte> body)
    {
        Reading.OutputBytes = body.Length;
        ReadAnswer(body);
    }

    public override bool ReadEvent(ReadOnlySpan<byte> data)
    {
        Reading.OutputBytes += Math.Max(1, data.Length - ChunkFrame);
        ReadAnswer(data);
        return true;
    }

    void ReadAnswer(ReadOnlySpan<byte> text)
    {
        var usageHere = false;
        var json = AnswerJson.Open(text);
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return;
            }
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var field = AnswerFields.Find(ref json);
                json.Read();
                switch (field)
                {
                    case 0 when json.TokenType == JsonTokenType.StartObject:
                        usageHere |= TakeUsage(ref json);
                        break;
                    case 1 when json.TokenType == JsonTokenType.StartArray:
                        ReadCandidates(ref json);
                        break;
                    default:
                        json.Skip();
                        break;
                }
            }
        }
        catch (JsonException)
        {
            // Not JSON: it passes to the client as it is, and says no more of usage.
        }
        if (usageHere)
        {
            Reading.Final = BitOperations.PopCount(finished) >= candidates;
        }
    }

    bool TakeUsage(ref Utf8JsonReader json)
    {
        if (!GeminiUsage.TryRead(ref json, out var usage, out var tier))
        {
            return false;
        }
        usage[BilledUnit.WebSearch] = Reading.Usage[BilledUnit.WebSearch];
        usage[BilledUnit.MapsSearch] = Reading.Usage[BilledUnit.MapsSearch];
        Reading.Usage = usage;
        Reading.Tier = tier ?? Reading.Tier;
        return Reading.Known = Reading.InputKnown = true;
    }

    void ReadCandidates(ref Utf8JsonReader json)
    {
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType == JsonTokenType.StartObject)
            {
                ReadCandidate(ref json);
            }
            else
            {
                json.Skip();
            }
        }
    }

    // What the candidate says of itself; its content, with the arguments of calls, is the model's.
    void ReadCandidate(ref Utf8JsonReader json)
    {
        var index = 0;
        var ended = false;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = CandidateFields.Find(ref json);
            json.Read();
            switch (field)
            {
                case 0 when json.TokenType == JsonTokenType.Number:
                    json.TryGetInt32(out index);
                    break;
                case 1:
                    ended = json.TokenType == JsonTokenType.String;
                    json.Skip();
                    break;
                case 2 when json.TokenType == JsonTokenType.StartObject:
                    ReadGrounding(ref json);
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
        finished |= ended ? 1u << index : 0;
    }

    void ReadGrounding(ref Utf8JsonReader json)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = GroundingFields.Find(ref json);
            json.Read();
            switch (field)
            {
                case 0 when json.TokenType == JsonTokenType.StartArray:
                    CountSearches(ref json);
                    break;
                case 1 when json.TokenType == JsonTokenType.StartArray:
                    FindMaps(ref json);
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
    }

    void CountSearches(ref Utf8JsonReader json)
    {
        var count = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            count++;
            json.Skip();
        }
        Reading.Usage[BilledUnit.WebSearch] = Math.Max(Reading.Usage[BilledUnit.WebSearch], BillsPrompts(model) ? Math.Min(count, 1) : count);
    }

    // Places are billed by the prompt, however many were found.
    void FindMaps(ref Utf8JsonReader json)
    {
        var depth = json.CurrentDepth;
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == depth + 2 && json.ValueTextEquals("maps"u8))
            {
                Reading.Usage[BilledUnit.MapsSearch] = 1;
            }
        }
    }
}

/// <summary>Gemini's usage block as disjoint counts. A block with a count that is no whole number of zero or more is not believed at all.</summary>
ref struct GeminiUsage
{
    static readonly FieldNames Fields = new(
        "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount", "toolUsePromptTokenCount", "totalTokenCount",
        "promptTokensDetails", "cacheTokensDetails", "candidatesTokensDetails", "serviceTier", "trafficType");

    static readonly FieldNames DetailFields = new("modality", "tokenCount");

    long? prompt;
    long? total;
    long candidates;
    long thoughts;
    long cached;
    long toolUse;
    (long Sound, long Picture) promptParts;
    (long Sound, long Picture) cachedParts;
    (long Sound, long Picture) candidateParts;
    ServiceTier? tier;
    bool malformed;

    /// <summary>Reads the object the reader stands at the start of, to its end.</summary>
    public static bool TryRead(ref Utf8JsonReader json, out UsageCounts usage, out ServiceTier? tier)
    {
        var read = new GeminiUsage();
        read.ReadObject(ref json);
        usage = default;
        tier = read.tier;
        if (read.malformed || (read.prompt is null && read.total is null))
        {
            return false;
        }
        read.Fill(ref usage);
        return !read.malformed;
    }

    void Fill(ref UsageCounts usage)
    {
        var input = prompt ?? Math.Max(0, (total ?? 0) - candidates - thoughts);
        var sound = Math.Max(0, promptParts.Sound - cachedParts.Sound);
        var picture = Math.Max(0, promptParts.Picture - cachedParts.Picture);
        var cachedText = Math.Max(0, cached - cachedParts.Sound - cachedParts.Picture);
        usage[BilledUnit.CachedInputToken] = cachedText;
        usage[BilledUnit.CachedAudioInputToken] = cachedParts.Sound;
        usage[BilledUnit.CachedImageInputToken] = cachedParts.Picture;
        usage[BilledUnit.AudioInputToken] = sound;
        usage[BilledUnit.ImageInputToken] = picture;
        usage[BilledUnit.InputToken] = Sum(Math.Max(0, input - cachedText - cachedParts.Sound - cachedParts.Picture - sound - picture), toolUse);
        usage[BilledUnit.ReasoningToken] = thoughts;
        usage[BilledUnit.AudioOutputToken] = candidateParts.Sound;
        usage[BilledUnit.ImageOutputToken] = candidateParts.Picture;
        usage[BilledUnit.OutputToken] = Math.Max(0, candidates - candidateParts.Sound - candidateParts.Picture);
    }

    void ReadObject(ref Utf8JsonReader json)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = Fields.Find(ref json);
            json.Read();
            switch (field)
            {
                case >= 0 and < 6:
                    Store(field, ReadCount(ref json));
                    break;
                case 6:
                    promptParts = ReadDetails(ref json);
                    break;
                case 7:
                    cachedParts = ReadDetails(ref json);
                    break;
                case 8:
                    candidateParts = ReadDetails(ref json);
                    break;
                case 9 or 10:
                    ReadTier(ref json);
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
    }

    (long Sound, long Picture) ReadDetails(ref Utf8JsonReader json)
    {
        var parts = (Sound: 0L, Picture: 0L);
        if (json.TokenType != JsonTokenType.StartArray)
        {
            json.Skip();
            return parts;
        }
        while (json.Read() && json.TokenType == JsonTokenType.StartObject)
        {
            var sound = false;
            var picture = false;
            var count = 0L;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var field = DetailFields.Find(ref json);
                json.Read();
                if (field == 0 && json.TokenType == JsonTokenType.String)
                {
                    sound = json.ValueTextEquals("AUDIO"u8);
                    picture = json.ValueTextEquals("IMAGE"u8);
                }
                else if (field == 1)
                {
                    count = ReadCount(ref json) ?? 0;
                }
                else
                {
                    json.Skip();
                }
            }
            parts = (Sum(parts.Sound, sound ? count : 0), Sum(parts.Picture, picture ? count : 0));
        }
        return parts;
    }

    void ReadTier(ref Utf8JsonReader json)
    {
        if (json.TokenType == JsonTokenType.String)
        {
            var name = json.GetString()!;
            tier = name.Contains("PRIORITY", StringComparison.OrdinalIgnoreCase) ? ServiceTier.Priority
                : name.Contains("FLEX", StringComparison.OrdinalIgnoreCase) ? ServiceTier.Flex
                : name.Contains("STANDARD", StringComparison.OrdinalIgnoreCase) ? ServiceTier.Standard
                : tier;
        }
        json.Skip();
    }

    void Store(int field, long? count)
    {
        switch (field)
        {
            case 0:
                prompt = count;
                break;
            case 1:
                candidates = count ?? 0;
                break;
            case 2:
                thoughts = count ?? 0;
                break;
            case 3:
                cached = count ?? 0;
                break;
            case 4:
                toolUse = count ?? 0;
                break;
            default:
                total = count;
                break;
        }
    }

    // A sum that is no count spoils the block as a count does that is none.
    long Sum(long count, long more)
    {
        var sum = count + more;
        malformed |= !UsageCounts.IsValid(sum);
        return malformed ? 0 : sum;
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
}
