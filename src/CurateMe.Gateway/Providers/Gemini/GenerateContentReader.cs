using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Gemini;

/// <summary>
/// One pass over a generateContent request, whose fields may be written in camel case or snake case. The body's bytes, less those of embedded
/// media, bound its text tokens; pictures and sound are bounded by their own rules; what is only referred to by the model's context.
/// </summary>
ref struct GenerateContentReader
{
    // Sound is 32 tokens a second, and no codec in use goes below 750 bytes a second.
    const int SoundBytesPerSecond = 750;
    const int SoundTokensPerSecond = 32;

    const int MaxCandidates = 8;

    // Searches that one prompt may set off, each billed by the newer models.
    const int MaxSearches = 10;

    static readonly FieldNames Fields = new(
        "contents", "generationConfig", "generation_config", "cachedContent", "cached_content", "tools", "serviceTier", "service_tier", "systemInstruction", "system_instruction");

    static readonly FieldNames ConfigFields = new(
        "maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count", "responseModalities", "response_modalities", "thinkingConfig", "thinking_config");

    static readonly FieldNames ThinkingFields = new("thinkingBudget", "thinking_budget", "thinkingLevel", "thinking_level") { Within = "thinkingConfig" };

    static readonly FieldNames ToolFields = new(
        "googleSearch", "google_search", "googleSearchRetrieval", "google_search_retrieval", "googleMaps", "google_maps", "urlContext", "url_context", "codeExecution", "code_execution",
        "fileSearch", "file_search");

    static readonly FieldNames MediaFields = new("mimeType", "mime_type", "data");

    readonly int length;
    RequestJson json;
    ByteSpan configToken;
    ByteSpan capToken;
    bool configIsEmpty;
    long? cap;
    int candidates = 1;
    bool hasContents;
    bool unknownInput;
    bool unknownSound;
    bool soundOut;
    int images;
    long mediaBytes;
    long soundTokens;
    bool searches;
    long maps;
    ServiceTier tier;
    long? thinkingBudget;
    bool? thinks;

    public GenerateContentReader(ReadOnlySpan<byte> body)
    {
        length = body.Length;
        json = new RequestJson(body, "\"contents\"");
    }

    /// <exception cref="RefusedException">Names the field at fault.</exception>
    public GenerateContentFacts Read(string model, bool stream)
    {
        try
        {
            var seen = 0UL;
            while (json.Next(Fields, ref seen, out var field))
            {
                ReadField(field);
            }
            json.Close();
        }
        catch (JsonException e)
        {
            throw RequestJson.Broken(e);
        }
        if (!hasContents)
        {
            throw RequestJson.Missing("contents", "Send the conversation as an array of contents.");
        }
        var facts = new GenerateContentFacts
        {
            Model = model,
            Stream = stream,
            OutputCap = cap,
            ReasoningBudget = thinkingBudget,
            AsksReasoning = thinks,
            Choices = candidates,
            ConfigToken = configToken,
            ConfigIsEmpty = configIsEmpty,
            MaxOutputTokensToken = capToken,
            Images = images,
            UnknownInput = unknownInput,
            UnknownSound = unknownSound,
            AudioOutput = soundOut,
            Tier = tier,
        };
        facts.Input[BilledUnit.InputToken] = length - mediaBytes;
        facts.Input[BilledUnit.AudioInputToken] = soundTokens;
        facts.Input[BilledUnit.WebSearch] = searches ? GenerateContentMeter.BillsPrompts(model) ? 1 : MaxSearches : 0;
        facts.Input[BilledUnit.MapsSearch] = maps;
        return facts;
    }

    void ReadField(int field)
    {
        switch (field)
        {
            case 0:
                hasContents = true;
                WalkParts();
                break;
            case 1 or 2:
                ReadConfig();
                break;
            // The tools of a cache are in force as if they stood here, and only the provider knows them.
            case 3 or 4:
                unknownInput |= !json.IsNull;
                unknownSound |= !json.IsNull;
                searches |= !json.IsNull;
                maps = json.IsNull ? maps : 1;
                json.Skip();
                break;
            case 5:
                ReadTools();
                break;
            case 6 or 7:
                ReadTier();
                break;
            default:
                WalkParts();
                break;
        }
    }

    void ReadConfig()
    {
        if (configToken.Exists)
        {
            throw Twice("generationConfig");
        }
        if (json.Type != JsonTokenType.StartObject)
        {
            json.Expect(JsonTokenType.Null, "generationConfig", "an object");
            configToken = json.Token;
            return;
        }
        var start = json.Token.Start;
        configIsEmpty = true;
        var seen = 0UL;
        while (json.Next(ConfigFields, ref seen, out var field))
        {
            configIsEmpty = false;
            switch (field)
            {
                case 0 or 1:
                    if (capToken.Exists)
                    {
                        throw Twice("generationConfig.maxOutputTokens");
                    }
                    capToken = json.Token;
                    cap = json.Integer("generationConfig.maxOutputTokens", 1, RequestJson.MaxCap);
                    break;
                case 2 or 3:
                    if (candidates != 1)
                    {
                        throw Twice("generationConfig.candidateCount");
                    }
                    candidates = (int)(json.Integer("generationConfig.candidateCount", 1, MaxCandidates) ?? 1);
                    break;
                case 4 or 5:
                    ReadModalities();
                    break;
                case 6 or 7:
                    ReadThinking();
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
        configToken = new ByteSpan(start, json.Token.End - start);
    }

    // A budget of -1 leaves it to the model, 0 forbids it.
    void ReadThinking()
    {
        if (json.Type != JsonTokenType.StartObject)
        {
            json.Skip();
            return;
        }
        var seen = 0UL;
        while (json.Next(ThinkingFields, ref seen, out var field))
        {
            if (field is 0 or 1)
            {
                var budget = json.Integer("generationConfig.thinkingConfig.thinkingBudget", -1, RequestJson.MaxCap);
                thinkingBudget = budget > 0 ? budget : null;
                thinks = budget is null ? thinks : budget != 0;
            }
            else
            {
                thinks ??= field is 2 or 3 && json.Type == JsonTokenType.String ? true : null;
                json.Skip();
            }
        }
    }

    void ReadModalities()
    {
        if (json.Type != JsonTokenType.StartArray)
        {
            json.Skip();
            return;
        }
        while (json.Reader.Read() && json.Type != JsonTokenType.EndArray)
        {
            soundOut |= json.Is("AUDIO"u8) || json.Is("audio"u8);
            json.Skip();
        }
    }

    void ReadTools()
    {
        if (json.Type is not (JsonTokenType.StartArray or JsonTokenType.StartObject))
        {
            return;
        }
        var depth = json.Reader.CurrentDepth;
        while (json.Reader.Read() && json.Reader.CurrentDepth > depth)
        {
            if (json.Type != JsonTokenType.PropertyName)
            {
                continue;
            }
            var field = ToolFields.Find(ref json.Reader);
            json.Reader.Read();
            searches |= field is >= 0 and < 4;
            maps = Math.Max(maps, field is 4 or 5 ? 1 : 0);
            // What they find goes in as input.
            unknownInput |= field >= 6;
            json.Skip();
        }
    }

    void ReadTier()
    {
        if (json.Type == JsonTokenType.String)
        {
            var name = json.Reader.GetString()!;
            tier = name.EndsWith("flex", StringComparison.OrdinalIgnoreCase) ? ServiceTier.Flex
                : name.EndsWith("priority", StringComparison.OrdinalIgnoreCase) ? ServiceTier.Priority
                : ServiceTier.Standard;
        }
        json.Skip();
    }

    void WalkParts()
    {
        if (json.Type is not (JsonTokenType.StartArray or JsonTokenType.StartObject))
        {
            return;
        }
        var depth = json.Reader.CurrentDepth;
        while (json.Reader.Read() && json.Reader.CurrentDepth > depth)
        {
            if (json.Type != JsonTokenType.PropertyName)
            {
                continue;
            }
            var inline = json.Reader.ValueTextEquals("inlineData"u8) || json.Reader.ValueTextEquals("inline_data"u8);
            var file = json.Reader.ValueTextEquals("fileData"u8) || json.Reader.ValueTextEquals("file_data"u8);
            // Arguments and results of calls are text, whatever they look like.
            var call = json.Reader.ValueTextEquals("args"u8) || json.Reader.ValueTextEquals("response"u8);
            if (!inline && !file && !call)
            {
                continue;
            }
            json.Reader.Read();
            if (!call && json.Type == JsonTokenType.StartObject)
            {
                ReadMedia(inline);
            }
            else
            {
                unknownInput |= file;
                unknownSound |= file;
                json.Skip();
            }
        }
    }

    void ReadMedia(bool inline)
    {
        var kind = default(ReadOnlySpan<byte>);
        var data = 0;
        var seen = 0UL;
        while (json.Next(MediaFields, ref seen, out var field))
        {
            if (field is 0 or 1 && json.Type == JsonTokenType.String)
            {
                kind = json.Reader.ValueSpan;
            }
            else if (field == 2 && json.Type == JsonTokenType.String)
            {
                data = json.Reader.ValueSpan.Length;
            }
            else
            {
                json.Skip();
            }
        }
        if (!inline)
        {
            unknownInput = true;
            unknownSound |= !IsSilent(kind);
        }
        else if (kind.StartsWith("image/"u8))
        {
            images++;
            mediaBytes += data;
        }
        else if (kind.StartsWith("audio/"u8))
        {
            soundTokens += (((data * 3L / 4 / SoundBytesPerSecond) + 1) * SoundTokensPerSecond) + SoundTokensPerSecond;
            mediaBytes += data;
        }
        else if (!kind.StartsWith("text/"u8))
        {
            // Film and documents: only the provider knows how long they are.
            unknownInput = true;
            unknownSound |= !IsSilent(kind);
        }
    }

    // Film has sound, and what is not named may have.
    static bool IsSilent(ReadOnlySpan<byte> kind) =>
        kind.StartsWith("image/"u8) || kind.StartsWith("text/"u8) || kind.SequenceEqual("application/pdf"u8);

    static RefusedException Twice(string field) => new(ErrorCode.InvalidField, $"The field \"{field}\" is there twice.", "Send it once.", field);
}
