using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>
/// One pass over the UTF-8 of a chat completion request, or of one in the older text form. A byte-level tokenizer never makes more tokens than
/// there are bytes of text, and the JSON around each message is longer than the tokens a provider adds for it, so the body's bytes, less those
/// of embedded media, bound its text tokens in any script.
/// </summary>
ref struct ChatRequestReader
{
    /// <summary>Most choices of one request (<c>n</c>), as the OpenAI API allows.</summary>
    public const int MaxChoices = 128;

    /// <summary>Most completions that are made to choose from (<c>best_of</c>).</summary>
    public const int MaxBestOf = 128;

    // Speech is billed at ten tokens a second, and no codec in use goes below 750 bytes a second.
    const int AudioBytesPerToken = 75;

    static readonly FieldNames ChatFields = new(
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "service_tier", "modalities", "prediction", "web_search_options", "tools", "plugins", "models", "reasoning_effort",
        "reasoning");

    static readonly FieldNames TextFields = new(
        "model", "prompt", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "service_tier", "best_of");

    static readonly FieldNames MediaFields = new("image_url", "input_audio", "file", "video_url", "cache_control");
    static readonly FieldNames StreamFields = new("include_usage") { Within = "stream_options" };
    static readonly FieldNames SearchFields = new("search_context_size");
    static readonly FieldNames ToolFields = new("type");
    static readonly FieldNames ReasoningFields = new("effort", "max_tokens", "enabled") { Within = "reasoning" };

    readonly int length;
    readonly bool text;
    RequestJson json;
    string? model;
    ByteSpan modelToken;
    bool stream;
    bool wantsStreamUsage;
    ByteSpan streamOptionsToken;
    ByteSpan includeUsageToken;
    ByteSpan maxTokensToken;
    ByteSpan maxCompletionTokensToken;
    long? maxTokens;
    long? maxCompletionTokens;
    int choices = 1;
    int bestOf = 1;
    int prompts = 1;
    bool audioOutput;
    bool hasContent;
    ServiceTier tier;
    bool tierNamed;
    int images;
    bool unknownInput;
    bool unknownSound;
    bool cacheWrites;
    long mediaBytes;
    long audioTokens;
    long predicted;
    bool searches;
    SearchContext searchContext;
    bool? asksReasoning;
    long? reasoningBudget;

    readonly string? deployment;

    /// <param name="text">The older text form: <c>prompt</c> in place of <c>messages</c>.</param>
    /// <param name="deployment">The model that the path names, which then counts.</param>
    public ChatRequestReader(ReadOnlySpan<byte> body, bool text = false, string? deployment = null)
    {
        this.deployment = deployment;
        length = body.Length;
        this.text = text;
        json = new RequestJson(body, text ? "\"model\" and \"prompt\"" : "\"model\" and \"messages\"");
    }

    /// <exception cref="RefusedException">Names the field at fault.</exception>
    public ChatFacts Read()
    {
        try
        {
            var seen = 0UL;
            while (json.Next(text ? TextFields : ChatFields, ref seen, out var field))
            {
                ReadField(field);
            }
            json.Close();
        }
        catch (JsonException e)
        {
            throw RequestJson.Broken(e);
        }
        model = deployment ?? model;
        if (model is null)
        {
            throw RequestJson.Missing("model", "Name the model, e.g. \"gpt-4o-mini\".");
        }
        if (!hasContent)
        {
            throw text ? RequestJson.Missing("prompt", "Send the text to be continued.") : RequestJson.Missing("messages", "Send the conversation as an array of messages.");
        }
        var facts = new ChatFacts
        {
            Model = model,
            ModelToken = modelToken,
            ByDeployment = deployment is not null,
            Stream = stream,
            Images = images,
            UnknownInput = unknownInput,
            UnknownSound = unknownSound,
            CacheWrites = cacheWrites,
            OutputCap = maxTokens is null ? maxCompletionTokens : maxCompletionTokens is null ? maxTokens : Math.Max(maxTokens.Value, maxCompletionTokens.Value),
            OutputBesideCap = predicted,
            AsksReasoning = asksReasoning,
            ReasoningBudget = reasoningBudget,
            MaxTokens = maxTokens,
            MaxTokensToken = maxTokensToken,
            MaxCompletionTokensToken = maxCompletionTokensToken,
            StreamOptionsToken = streamOptionsToken,
            IncludeUsageToken = includeUsageToken,
            Choices = prompts * Math.Max(choices, bestOf),
            AudioOutput = audioOutput,
            Tier = tier,
            TierIsAuto = !tierNamed,
            WantsStreamUsage = wantsStreamUsage,
            Searches = searches || model.Contains("-search", StringComparison.Ordinal),
            SearchContext = searchContext,
        };
        facts.Input[BilledUnit.InputToken] = length - mediaBytes;
        facts.Input[BilledUnit.AudioInputToken] = audioTokens;
        return facts;
    }

    void ReadField(int field)
    {
        switch (field)
        {
            case 0:
                modelToken = json.Token;
                model = json.Model();
                break;
            case 1:
                hasContent = true;
                ReadContent();
                break;
            case 2:
                stream = json.Bool("stream");
                break;
            case 3:
                ReadStreamOptions();
                break;
            case 4:
                maxTokensToken = json.Token;
                maxTokens = json.Integer("max_tokens", text ? 0 : 1, RequestJson.MaxCap);
                break;
            case 5:
                maxCompletionTokensToken = json.Token;
                maxCompletionTokens = json.Integer("max_completion_tokens", 1, RequestJson.MaxCap);
                break;
            case 6:
                choices = (int)(json.Integer("n", 1, MaxChoices) ?? 1);
                break;
            case 7:
                (tier, tierNamed) = OpenAiTier.Asked(ref json);
                break;
            case 8 when text:
                bestOf = (int)(json.Integer("best_of", 1, MaxBestOf) ?? 1);
                break;
            case >= 8:
                ReadExtra(field);
                break;
            default:
                json.Skip();
                break;
        }
    }

    void ReadExtra(int field)
    {
        switch (field)
        {
            case 8:
                ReadModalities();
                break;
            case 9:
                // What was predicted and not used is billed as output, whatever the cap.
                var start = json.Token.Start;
                json.Skip();
                predicted = json.Token.End - start;
                break;
            case 10:
                ReadSearchOptions();
                break;
            case 11:
                ReadTools();
                break;
            case 14:
                asksReasoning = json.Type == JsonTokenType.String ? !json.Is("none"u8) : asksReasoning;
                json.Skip();
                break;
            case 15:
                ReadReasoning();
                break;
            default:
                if (!json.IsNull)
                {
                    var name = field == 12 ? "plugins" : "models";
                    throw new RefusedException(ErrorCode.InvalidField, $"The gateway has no meter for the field \"{name}\".", "Leave it out; fallbacks are the policy's.", name);
                }
                break;
        }
    }

    void ReadContent()
    {
        if (!text)
        {
            json.Expect(JsonTokenType.StartArray, "messages", "an array of messages");
            ReadMessages();
            return;
        }
        if (json.Type != JsonTokenType.StartArray)
        {
            json.Expect(JsonTokenType.String, "prompt", "a string or an array");
            return;
        }
        // Several texts or several lists of tokens; one list of tokens is one prompt.
        var items = 0;
        while (json.Reader.Read() && json.Type != JsonTokenType.EndArray)
        {
            items += json.Type is JsonTokenType.String or JsonTokenType.StartArray ? 1 : 0;
            json.Skip();
        }
        prompts = Math.Max(1, items);
    }

    void ReadStreamOptions()
    {
        if (json.IsNull)
        {
            streamOptionsToken = json.Token;
            return;
        }
        json.Expect(JsonTokenType.StartObject, "stream_options", "an object");
        var start = json.Token.Start;
        var seen = 0UL;
        while (json.Next(StreamFields, ref seen, out var field))
        {
            if (field == 0)
            {
                includeUsageToken = json.Token;
                wantsStreamUsage = json.Bool("stream_options.include_usage");
            }
            else
            {
                json.Skip();
            }
        }
        streamOptionsToken = new ByteSpan(start, json.Token.End - start);
    }

    void ReadModalities()
    {
        if (json.IsNull)
        {
            return;
        }
        json.Expect(JsonTokenType.StartArray, "modalities", "an array of strings");
        while (json.Reader.Read() && json.Type != JsonTokenType.EndArray)
        {
            json.Expect(JsonTokenType.String, "modalities", "an array of strings");
            audioOutput |= json.Is("audio"u8);
        }
    }

    void ReadReasoning()
    {
        if (json.Type != JsonTokenType.StartObject)
        {
            json.Skip();
            return;
        }
        var seen = 0UL;
        while (json.Next(ReasoningFields, ref seen, out var field))
        {
            switch (field)
            {
                case 0 when json.Type == JsonTokenType.String:
                    asksReasoning = !json.Is("none"u8);
                    break;
                case 1:
                    reasoningBudget = json.Integer("reasoning.max_tokens", 0, RequestJson.MaxCap);
                    break;
                case 2:
                    asksReasoning = json.Type == JsonTokenType.False ? false : asksReasoning ?? json.Bool("reasoning.enabled");
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
    }

    void ReadSearchOptions()
    {
        if (json.Type != JsonTokenType.StartObject)
        {
            return;
        }
        searches = true;
        var seen = 0UL;
        while (json.Next(SearchFields, ref seen, out var field))
        {
            if (field == 0)
            {
                searchContext = json.Is("high"u8) ? SearchContext.High : json.Is("medium"u8) ? SearchContext.Medium : SearchContext.Low;
            }
            json.Skip();
        }
    }

    // Tools that the provider runs itself cost fees that a chat completion does not tell.
    void ReadTools()
    {
        if (json.Type != JsonTokenType.StartArray)
        {
            json.Skip();
            return;
        }
        while (json.Reader.Read() && json.Type != JsonTokenType.EndArray)
        {
            json.Expect(JsonTokenType.StartObject, "tools", "an array of objects");
            var own = false;
            var seen = 0UL;
            while (json.Next(ToolFields, ref seen, out var field))
            {
                own |= field == 0 && !json.Is("function"u8) && !json.Is("custom"u8);
                json.Skip();
            }
            if (own)
            {
                throw new RefusedException(ErrorCode.InvalidField, "The gateway has no meter for tools that the provider runs itself.", "Offer tools of the type \"function\", or use /v1/responses.", "tools");
            }
        }
    }

    // Finds pictures, sound, files and cache marks wherever in the messages they stand.
    void ReadMessages()
    {
        var depth = json.Reader.CurrentDepth;
        while (json.Reader.Read() && json.Reader.CurrentDepth > depth)
        {
            if (json.Type != JsonTokenType.PropertyName)
            {
                continue;
            }
            switch (MediaFields.Find(ref json.Reader))
            {
                case 0:
                    images++;
                    mediaBytes += ReadMedia("url"u8);
                    break;
                case 1:
                    var bytes = ReadMedia("data"u8);
                    mediaBytes += bytes;
                    audioTokens += (bytes * 3 / 4 / AudioBytesPerToken) + 10;
                    break;
                case (2 or 3) and var kind:
                    unknownInput = true;
                    unknownSound |= kind == 3;
                    break;
                case 4:
                    cacheWrites = true;
                    break;
            }
        }
    }

    // Bytes of the string that is, or is named so within, the value of the property just read.
    long ReadMedia(ReadOnlySpan<byte> property)
    {
        json.Reader.Read();
        if (json.Type == JsonTokenType.String)
        {
            return json.Reader.ValueSpan.Length;
        }
        if (json.Type != JsonTokenType.StartObject)
        {
            return 0;
        }
        var bytes = 0L;
        while (json.Reader.Read() && json.Type == JsonTokenType.PropertyName)
        {
            var media = json.Reader.ValueTextEquals(property);
            json.Reader.Read();
            if (media && json.Type == JsonTokenType.String)
            {
                bytes += json.Reader.ValueSpan.Length;
            }
            else
            {
                json.Skip();
            }
        }
        return bytes;
    }
}
