using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>
/// One pass over the UTF-8 of a chat completion request. A byte-level tokenizer never makes more tokens than there are bytes of text, and the
/// JSON around each message is longer than the tokens a provider adds for it, so the body's bytes, less those of embedded media, bound its
/// text tokens in any script.
/// </summary>
ref struct ChatRequestReader
{
    /// <summary>Deepest nesting that is read.</summary>
    public const int MaxDepth = 64;

    /// <summary>Most choices of one request (<c>n</c>), as the OpenAI API allows.</summary>
    public const int MaxChoices = 128;

    /// <summary>Largest output cap that is believed; no model comes near it.</summary>
    public const long MaxCap = 10_000_000;

    // Speech is billed at ten tokens a second, and no codec in use goes below a thousand bytes a second.
    const int AudioBytesPerToken = 100;

    readonly ReadOnlySpan<byte> body;
    Utf8JsonReader json;
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
    bool audioOutput;
    bool hasMessages;
    ServiceTier tier;
    int images;
    bool unknownInput;
    bool cacheWrites;
    long mediaBytes;
    long audioTokens;

    public ChatRequestReader(ReadOnlySpan<byte> body)
    {
        this.body = body;
        json = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
    }

    /// <exception cref="RefusedException">Names the field at fault.</exception>
    public ChatFacts Read()
    {
        if (body.IsEmpty)
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The request has no body.", "Send a JSON object with \"model\" and \"messages\".");
        }
        if (!Utf8.IsValid(body))
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body is not valid UTF-8.", "Encode the JSON as UTF-8.");
        }
        if (JsonText.HasLoneSurrogate(body))
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body has a \\u escape of half a character.", "Send surrogates in pairs, or the character itself as UTF-8.");
        }
        try
        {
            ReadObject();
        }
        catch (JsonException e)
        {
            throw new RefusedException(
                ErrorCode.InvalidJson,
                $"The body is not valid JSON, or nested deeper than {MaxDepth} levels (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).",
                "Send one JSON object.");
        }
        if (model is null)
        {
            throw new RefusedException(ErrorCode.MissingField, "The field \"model\" is missing.", "Name the model, e.g. \"gpt-4o-mini\".", "model");
        }
        if (!hasMessages)
        {
            throw new RefusedException(ErrorCode.MissingField, "The field \"messages\" is missing.", "Send the conversation as an array of messages.", "messages");
        }
        var facts = new ChatFacts
        {
            Model = model,
            ModelToken = modelToken,
            Stream = stream,
            Images = images,
            UnknownInput = unknownInput,
            CacheWrites = cacheWrites,
            OutputCap = maxTokens is null ? maxCompletionTokens : maxCompletionTokens is null ? maxTokens : Math.Max(maxTokens.Value, maxCompletionTokens.Value),
            MaxTokens = maxTokens,
            MaxTokensToken = maxTokensToken,
            MaxCompletionTokensToken = maxCompletionTokensToken,
            StreamOptionsToken = streamOptionsToken,
            IncludeUsageToken = includeUsageToken,
            Choices = choices,
            AudioOutput = audioOutput,
            Tier = tier,
            WantsStreamUsage = wantsStreamUsage,
        };
        facts.Input[BilledUnit.InputToken] = body.Length - mediaBytes;
        facts.Input[BilledUnit.AudioInputToken] = audioTokens;
        return facts;
    }

    void ReadObject()
    {
        json.Read();
        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body is not a JSON object.", "Send a JSON object with \"model\" and \"messages\".");
        }
        var seen = Governed.None;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var name = NameOf(ref json);
            // A provider may believe the first or the last of two; a bound needs one.
            if (name != Governed.None && (seen & name) != Governed.None)
            {
                throw new RefusedException(ErrorCode.InvalidField, $"The field \"{json.GetString()}\" is there twice.", "Send it once.", json.GetString());
            }
            seen |= name;
            json.Read();
            ReadValue(name);
        }
        // Reads on to the end, so that anything after the object is refused too.
        while (json.Read())
        {
        }
    }

    void ReadValue(Governed name)
    {
        switch (name)
        {
            case Governed.Model:
                ReadModel();
                break;
            case Governed.Messages:
                hasMessages = true;
                Expect(JsonTokenType.StartArray, "messages", "an array of messages");
                ReadMessages();
                break;
            case Governed.Stream:
                stream = ReadBool("stream");
                break;
            case Governed.StreamOptions:
                ReadStreamOptions();
                break;
            case Governed.MaxTokens:
                maxTokensToken = Token();
                maxTokens = ReadInteger("max_tokens", 1, MaxCap);
                break;
            case Governed.MaxCompletionTokens:
                maxCompletionTokensToken = Token();
                maxCompletionTokens = ReadInteger("max_completion_tokens", 1, MaxCap);
                break;
            case Governed.N:
                choices = (int)(ReadInteger("n", 1, MaxChoices) ?? 1);
                break;
            case Governed.ServiceTier:
                tier = ReadTier();
                break;
            case Governed.Modalities:
                ReadModalities();
                break;
            default:
                json.Skip();
                break;
        }
    }

    void ReadModel()
    {
        Expect(JsonTokenType.String, "model", "a string");
        modelToken = Token();
        model = json.GetString()!;
        if (model.Length == 0 || Encoding.UTF8.GetByteCount(model) > UsageRecord.MaxIdBytes || model.Any(char.IsControl))
        {
            throw new RefusedException(
                ErrorCode.InvalidField, $"The field \"model\" must be 1 to {UsageRecord.MaxIdBytes} bytes of plain text.", "Name a model of GET /v1/models.", "model");
        }
    }

    void ReadStreamOptions()
    {
        if (json.TokenType == JsonTokenType.Null)
        {
            streamOptionsToken = Token();
            return;
        }
        Expect(JsonTokenType.StartObject, "stream_options", "an object");
        var start = (int)json.TokenStartIndex;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var include = json.ValueTextEquals("include_usage"u8);
            json.Read();
            if (!include)
            {
                json.Skip();
                continue;
            }
            if (includeUsageToken.Exists)
            {
                throw new RefusedException(ErrorCode.InvalidField, "The field \"stream_options.include_usage\" is there twice.", "Send it once.", "stream_options.include_usage");
            }
            includeUsageToken = Token();
            wantsStreamUsage = ReadBool("stream_options.include_usage");
        }
        streamOptionsToken = new ByteSpan(start, (int)json.BytesConsumed - start);
    }

    void ReadModalities()
    {
        if (json.TokenType == JsonTokenType.Null)
        {
            return;
        }
        Expect(JsonTokenType.StartArray, "modalities", "an array of strings");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            Expect(JsonTokenType.String, "modalities", "an array of strings");
            audioOutput |= json.ValueTextEquals("audio"u8);
        }
    }

    // Finds pictures, sound, files and cache marks wherever in the messages they stand.
    void ReadMessages()
    {
        var depth = json.CurrentDepth;
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }
            if (json.ValueTextEquals("image_url"u8))
            {
                images++;
                mediaBytes += ReadMedia("url"u8);
            }
            else if (json.ValueTextEquals("input_audio"u8))
            {
                var bytes = ReadMedia("data"u8);
                mediaBytes += bytes;
                audioTokens += (bytes * 3 / 4 / AudioBytesPerToken) + 10;
            }
            else if (json.ValueTextEquals("file"u8) || json.ValueTextEquals("video_url"u8))
            {
                unknownInput = true;
            }
            else if (json.ValueTextEquals("cache_control"u8))
            {
                cacheWrites = true;
            }
        }
    }

    // Bytes of the string that is, or is named so within, the value of the property just read.
    long ReadMedia(ReadOnlySpan<byte> property)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.String)
        {
            return json.ValueSpan.Length;
        }
        if (json.TokenType != JsonTokenType.StartObject)
        {
            return 0;
        }
        var bytes = 0L;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var media = json.ValueTextEquals(property);
            json.Read();
            if (media && json.TokenType == JsonTokenType.String)
            {
                bytes += json.ValueSpan.Length;
            }
            else
            {
                json.Skip();
            }
        }
        return bytes;
    }

    ServiceTier ReadTier()
    {
        if (json.TokenType == JsonTokenType.Null)
        {
            return ServiceTier.Standard;
        }
        Expect(JsonTokenType.String, "service_tier", "a string");
        return json.ValueTextEquals("flex"u8) ? ServiceTier.Flex
            : json.ValueTextEquals("priority"u8) ? ServiceTier.Priority
            : ServiceTier.Standard;
    }

    bool ReadBool(string field)
    {
        if (json.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
        {
            throw new RefusedException(ErrorCode.InvalidField, $"The field \"{field}\" must be true or false.", "Send a JSON boolean.", field);
        }
        return json.TokenType == JsonTokenType.True;
    }

    long? ReadInteger(string field, long least, long most)
    {
        if (json.TokenType == JsonTokenType.Null)
        {
            return null;
        }
        if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out var value) || value < least || value > most)
        {
            throw new RefusedException(ErrorCode.InvalidField, $"The field \"{field}\" must be a whole number from {least} to {most}.", "Send a number in that range, or leave the field out.", field);
        }
        return value;
    }

    readonly void Expect(JsonTokenType type, string field, string wanted)
    {
        if (json.TokenType != type)
        {
            throw new RefusedException(ErrorCode.InvalidField, $"The field \"{field}\" must be {wanted}.", $"Send {wanted}.", field);
        }
    }

    readonly ByteSpan Token() => new((int)json.TokenStartIndex, (int)(json.BytesConsumed - json.TokenStartIndex));

    static Governed NameOf(ref Utf8JsonReader json) =>
        json.ValueTextEquals("model"u8) ? Governed.Model
        : json.ValueTextEquals("messages"u8) ? Governed.Messages
        : json.ValueTextEquals("stream"u8) ? Governed.Stream
        : json.ValueTextEquals("stream_options"u8) ? Governed.StreamOptions
        : json.ValueTextEquals("max_tokens"u8) ? Governed.MaxTokens
        : json.ValueTextEquals("max_completion_tokens"u8) ? Governed.MaxCompletionTokens
        : json.ValueTextEquals("n"u8) ? Governed.N
        : json.ValueTextEquals("service_tier"u8) ? Governed.ServiceTier
        : json.ValueTextEquals("modalities"u8) ? Governed.Modalities
        : Governed.None;

    [Flags]
    enum Governed
    {
        None = 0,
        Model = 1,
        Messages = 2,
        Stream = 4,
        StreamOptions = 8,
        MaxTokens = 16,
        MaxCompletionTokens = 32,
        N = 64,
        ServiceTier = 128,
        Modalities = 256,
    }
}
