using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Anthropic;

/// <summary>
/// One pass over a messages request. The body's bytes, less those of embedded pictures, bound its text tokens in any script; what the provider
/// adds for tools is bounded apart; documents and what server tools read are bounded by the model's context alone.
/// </summary>
ref struct MessagesRequestReader
{
    // The provider's own prompt for tools: at most 530 tokens for any, and 735 for the largest of its own tools, each rounded up.
    const int ToolPromptTokens = 600;
    const int OwnToolTokens = 1_000;

    // What one search or one run of code puts into the prompt. No provider promises a limit: what is above it is charged as overage.
    const int FoundTokens = 20_000;

    static readonly FieldNames Fields = new(
        "model", "messages", "max_tokens", "stream", "system", "tools", "thinking", "service_tier", "speed", "mcp_servers", "inference_geo", "cache_control", "container",
        "context_management", "fallbacks");

    static readonly FieldNames ThinkingFields = new("type", "budget_tokens");
    static readonly FieldNames ToolFields = new("type", "max_uses", "cache_control", "name");
    static readonly FieldNames SourceFields = new("type", "media_type", "data");

    readonly int length;
    RequestJson json;
    string? model;
    ByteSpan modelToken;
    ByteSpan maxTokensToken;
    long? maxTokens;
    long thinkingBudget;
    bool? thinks;
    bool stream;
    bool hasMessages;
    bool unknownInput;
    bool cacheWrites;
    int images;
    long mediaBytes;
    long toolTokens;
    long searches;
    bool fast;
    List<int>? unbounded;

    public MessagesRequestReader(ReadOnlySpan<byte> body)
    {
        length = body.Length;
        json = new RequestJson(body, "\"model\", \"max_tokens\" and \"messages\"");
    }

    /// <exception cref="RefusedException">Names the field at fault.</exception>
    public MessagesFacts Read()
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
        if (!hasMessages)
        {
            throw RequestJson.Missing("messages", "Send the conversation as an array of messages.");
        }
        var facts = new MessagesFacts
        {
            Model = model ?? throw RequestJson.Missing("model", "Name the model, e.g. \"claude-sonnet-4-5\"."),
            ModelToken = modelToken,
            Stream = stream,
            OutputCap = maxTokens,
            LeastCap = thinkingBudget + 1,
            ReasoningBudget = thinks != false && thinkingBudget > 0 ? thinkingBudget : null,
            AsksReasoning = thinks,
            MaxTokensToken = maxTokensToken,
            Images = images,
            UnknownInput = unknownInput,
            CacheWrites = cacheWrites,
            Tier = fast ? ServiceTier.Fast : ServiceTier.Standard,
            UnboundedSearches = unbounded ?? [],
        };
        facts.Input[BilledUnit.InputToken] = length - mediaBytes + toolTokens;
        facts.Input[BilledUnit.WebSearch] = searches;
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
                hasMessages = true;
                json.Expect(JsonTokenType.StartArray, "messages", "an array of messages");
                WalkContent();
                break;
            case 2:
                maxTokensToken = json.Token;
                maxTokens = json.Integer("max_tokens", 1, RequestJson.MaxCap);
                break;
            case 3:
                stream = json.Bool("stream");
                break;
            case 4:
                WalkContent();
                break;
            case 5:
                ReadTools();
                break;
            case 6:
                ReadThinking();
                break;
            case 8:
                fast = json.Is("fast"u8);
                break;
            // What servers of others answer is read by the model, and nothing here says how much it is.
            case 9 or 12:
                unknownInput |= !json.IsNull;
                json.Skip();
                break;
            case 10:
                if (!json.IsNull && !json.Is("global"u8))
                {
                    throw new RefusedException(
                        ErrorCode.InvalidField, "The field \"inference_geo\" asks for a region whose surcharge is not in the price list.", "Leave it out, or send \"global\".", "inference_geo");
                }
                break;
            case 11:
                cacheWrites |= !json.IsNull;
                json.Skip();
                break;
            case 13:
                ReadContextManagement();
                break;
            case 14:
                if (!json.IsNull)
                {
                    throw new RefusedException(
                        ErrorCode.InvalidField, "The field \"fallbacks\" lets other models answer, at their own prices.", "Leave it out, and have the fallbacks set in the policy.", "fallbacks");
                }
                break;
            default:
                json.Skip();
                break;
        }
    }

    // The other edits only leave something out of the prompt. A summing-up is billed beside the answer, as often and as long as the provider likes.
    void ReadContextManagement()
    {
        if (json.Type is not (JsonTokenType.StartArray or JsonTokenType.StartObject))
        {
            return;
        }
        var depth = json.Reader.CurrentDepth;
        while (json.Reader.Read() && json.Reader.CurrentDepth > depth)
        {
            if (json.Type != JsonTokenType.PropertyName || !json.Reader.ValueTextEquals("type"u8))
            {
                continue;
            }
            json.Reader.Read();
            if (json.Type == JsonTokenType.String && json.Reader.GetString()!.StartsWith("compact", StringComparison.Ordinal))
            {
                throw new RefusedException(
                    ErrorCode.InvalidField, "The field \"context_management\" asks for compaction, whose cost no limit of the request bounds.", "Leave that edit out, and sum up in a request of your own.",
                    "context_management");
            }
        }
    }

    void ReadThinking()
    {
        if (json.Type != JsonTokenType.StartObject)
        {
            return;
        }
        var seen = 0UL;
        while (json.Next(ThinkingFields, ref seen, out var field))
        {
            if (field == 0 && json.Type == JsonTokenType.String)
            {
                thinks = !json.Is("disabled"u8);
            }
            else if (field == 1)
            {
                thinkingBudget = json.Integer("thinking.budget_tokens", 1, RequestJson.MaxCap) ?? 0;
            }
            else
            {
                json.Skip();
            }
        }
    }

    void ReadTools()
    {
        if (json.IsNull)
        {
            return;
        }
        json.Expect(JsonTokenType.StartArray, "tools", "an array of tools");
        var any = false;
        while (json.Reader.Read() && json.Type != JsonTokenType.EndArray)
        {
            any = true;
            json.Expect(JsonTokenType.StartObject, "tools", "an array of objects");
            ReadTool();
        }
        toolTokens += any ? ToolPromptTokens : 0;
    }

    void ReadTool()
    {
        var start = json.Token.Start;
        long? maxUses = null;
        var kind = "";
        var seen = 0UL;
        while (json.Next(ToolFields, ref seen, out var field))
        {
            switch (field)
            {
                case 0 when json.Type == JsonTokenType.String:
                    kind = json.Reader.GetString()!;
                    break;
                case 1:
                    maxUses = json.Integer("tools.max_uses", 1, 1_000);
                    if (maxUses is null)
                    {
                        throw new RefusedException(ErrorCode.InvalidField, "The field \"tools.max_uses\" is null.", "Leave it out, or set a number.", "tools.max_uses");
                    }
                    break;
                case 2:
                    cacheWrites |= !json.IsNull;
                    json.Skip();
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
        if (kind is "" or "custom")
        {
            return;
        }
        if (kind.StartsWith("advisor", StringComparison.Ordinal))
        {
            throw new RefusedException(
                ErrorCode.InvalidField, "The advisor tool asks another model, at its own price, with the whole conversation.", "Leave the tool out, and ask the other model in a request of your own.", "tools");
        }
        toolTokens += OwnToolTokens;
        if (kind.StartsWith("web_search", StringComparison.Ordinal))
        {
            searches += maxUses ?? MessagesDialect.MaxSearches;
            toolTokens += FoundTokens * (maxUses ?? MessagesDialect.MaxSearches);
            if (maxUses is null)
            {
                (unbounded ??= []).Add(start);
            }
        }
        else if (kind.StartsWith("code_execution", StringComparison.Ordinal))
        {
            toolTokens += FoundTokens;
        }
        // Whole pages, and what servers of others answer.
        unknownInput |= kind.StartsWith("web_fetch", StringComparison.Ordinal) || kind.StartsWith("mcp", StringComparison.Ordinal);
    }

    // Finds pictures, documents and cache marks wherever in the content they stand.
    void WalkContent()
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
            if (json.Reader.ValueTextEquals("source"u8))
            {
                json.Reader.Read();
                ReadSource();
            }
            else if (json.Reader.ValueTextEquals("cache_control"u8))
            {
                json.Reader.Read();
                cacheWrites |= !json.IsNull;
                json.Skip();
            }
            else if (json.Reader.ValueTextEquals("input"u8))
            {
                // Arguments of a call are text, whatever they look like.
                json.Reader.Read();
                json.Skip();
            }
            else if (json.Reader.ValueTextEquals("type"u8))
            {
                json.Reader.Read();
                // Stored files go into the container or the context.
                unknownInput |= json.Is("container_upload"u8);
            }
        }
    }

    void ReadSource()
    {
        if (json.Type != JsonTokenType.StartObject)
        {
            return;
        }
        var kind = default(ReadOnlySpan<byte>);
        var media = default(ReadOnlySpan<byte>);
        var data = 0;
        var seen = 0UL;
        while (json.Next(SourceFields, ref seen, out var field))
        {
            switch (field)
            {
                case 0 when json.Type == JsonTokenType.String:
                    kind = json.Reader.ValueSpan;
                    break;
                case 1 when json.Type == JsonTokenType.String:
                    media = json.Reader.ValueSpan;
                    break;
                case 2 when json.Type == JsonTokenType.String:
                    data = json.Reader.ValueSpan.Length;
                    break;
                default:
                    // A document may carry blocks of its own.
                    WalkContent();
                    break;
            }
        }
        if (kind.SequenceEqual("base64"u8) && media.StartsWith("image/"u8))
        {
            images++;
            mediaBytes += data;
        }
        else if (!kind.SequenceEqual("text"u8) && !kind.SequenceEqual("content"u8))
        {
            // A PDF, an address or a stored file: picture or document, only the provider knows how large.
            unknownInput = true;
        }
    }
}
