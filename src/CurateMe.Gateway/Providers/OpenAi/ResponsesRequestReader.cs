using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>
/// One pass over a responses request. The body's bytes, less those of embedded pictures, bound its text tokens in any script; what the provider
/// remembers or fetches itself is bounded by the model's context.
/// </summary>
ref struct ResponsesRequestReader
{
    // What one search puts into the prompt. No provider promises a limit: what is above it is charged as overage.
    const int FoundTokens = 20_000;

    const int MaxMention = 128;

    static readonly FieldNames Fields = new(
        "model", "input", "instructions", "previous_response_id", "conversation", "prompt", "tools", "max_output_tokens", "max_tool_calls", "stream", "background", "service_tier", "reasoning",
        "context_management");

    static readonly FieldNames ToolFields = new("type", "container");
    static readonly FieldNames ReasoningFields = new("effort") { Within = "reasoning" };
    static readonly FieldNames PartFields = new("image_url", "file_id", "file_url", "file_data", "input_audio", "arguments", "output");

    readonly int length;
    RequestJson json;
    string? model;
    ByteSpan modelToken;
    ByteSpan capToken;
    ByteSpan callsToken;
    long? cap;
    long? calls;
    bool stream;
    bool background;
    bool unknownInput;
    bool tierNamed;
    ServiceTier tier;
    string? previous;
    int images;
    long mediaBytes;
    bool searches;
    bool fileSearches;
    int containers;
    bool? asksReasoning;

    public ResponsesRequestReader(ReadOnlySpan<byte> body)
    {
        length = body.Length;
        json = new RequestJson(body, "\"model\" and \"input\"");
    }

    /// <exception cref="RefusedException">Names the field at fault.</exception>
    public ResponsesFacts Read()
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
        var most = calls ?? ResponsesDialect.MaxToolCalls;
        var own = searches || fileSearches || containers > 0;
        var facts = new ResponsesFacts
        {
            Model = model ?? throw RequestJson.Missing("model", "Name the model, e.g. \"gpt-5-mini\"."),
            ModelToken = modelToken,
            Stream = stream,
            Background = background,
            Previous = previous,
            OutputCap = cap,
            AsksReasoning = asksReasoning,
            LeastCap = ResponsesDialect.LeastCap,
            MaxOutputTokensToken = capToken,
            MaxToolCallsToken = callsToken,
            UnboundedCalls = own && calls is null,
            Images = images,
            UnknownInput = unknownInput,
            UnknownSound = unknownInput,
            Tier = tier,
            TierIsAuto = !tierNamed,
        };
        facts.Input[BilledUnit.InputToken] = length - mediaBytes + (searches || fileSearches ? most * FoundTokens : 0);
        facts.Input[BilledUnit.WebSearch] = searches ? most : 0;
        facts.Input[BilledUnit.FileSearch] = fileSearches ? most : 0;
        facts.Input[BilledUnit.CodeSession] = containers;
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
            case 1 or 2:
                WalkInput();
                break;
            case 3:
                previous = json.Type == JsonTokenType.String && json.Reader.ValueSpan.Length <= MaxMention ? json.Reader.GetString() : null;
                unknownInput |= !json.IsNull;
                json.Skip();
                break;
            case 4:
                unknownInput |= !json.IsNull;
                json.Skip();
                break;
            case 5:
                ReadStoredPrompt();
                break;
            case 6:
                ReadTools();
                break;
            case 7:
                capToken = json.Token;
                cap = json.Integer("max_output_tokens", 1, RequestJson.MaxCap);
                break;
            case 8:
                callsToken = json.Token;
                calls = json.Integer("max_tool_calls", 1, 1_000);
                break;
            case 9:
                stream = json.Bool("stream");
                break;
            case 10:
                background = json.Bool("background");
                break;
            case 11:
                (tier, tierNamed) = OpenAiTier.Asked(ref json);
                break;
            case 12 when json.Type == JsonTokenType.StartObject:
                ReadReasoning();
                break;
            case 13:
                RefuseContextManagement();
                break;
            default:
                json.Skip();
                break;
        }
    }

    // Compaction reads the whole conversation once more and writes a summary, beside the answer and as often as the provider likes.
    void RefuseContextManagement()
    {
        var isNothing = json.IsNull || (json.Type == JsonTokenType.StartArray && json.Reader.Read() && json.Type == JsonTokenType.EndArray);
        if (!isNothing)
        {
            throw new RefusedException(
                ErrorCode.InvalidField, "The field \"context_management\" asks for compaction, whose cost no limit of the request bounds.", "Leave it out, and sum up in a request of your own.",
                "context_management");
        }
    }

    // The tools of a stored prompt are in force as if they stood here, and only the provider knows them.
    void ReadStoredPrompt()
    {
        if (!json.IsNull)
        {
            unknownInput = searches = fileSearches = true;
            containers++;
        }
        json.Skip();
    }

    void ReadReasoning()
    {
        var seen = 0UL;
        while (json.Next(ReasoningFields, ref seen, out var field))
        {
            asksReasoning = field == 0 && json.Type == JsonTokenType.String ? !json.Is("none"u8) : asksReasoning;
            json.Skip();
        }
    }

    void ReadTools()
    {
        if (json.IsNull)
        {
            return;
        }
        json.Expect(JsonTokenType.StartArray, "tools", "an array of tools");
        while (json.Reader.Read() && json.Type != JsonTokenType.EndArray)
        {
            json.Expect(JsonTokenType.StartObject, "tools", "an array of objects");
            var kind = "";
            var seen = 0UL;
            while (json.Next(ToolFields, ref seen, out var field))
            {
                if (field == 0 && json.Type == JsonTokenType.String)
                {
                    kind = json.Reader.GetString()!;
                }
                else
                {
                    json.Skip();
                }
            }
            Weigh(kind);
        }
    }

    void Weigh(string kind)
    {
        switch (kind)
        {
            case "function" or "custom" or "local_shell" or "apply_patch" or "computer" or "computer_use" or "computer_use_preview" or "namespace" or "tool_search":
                break;
            case "file_search":
                fileSearches = true;
                break;
            case "code_interpreter" or "shell":
                containers++;
                break;
            case "mcp":
                unknownInput = true;
                break;
            case var search when search.StartsWith("web_search", StringComparison.Ordinal):
                searches = true;
                break;
            default:
                throw new RefusedException(
                    ErrorCode.InvalidField,
                    $"The gateway has no meter for tools of the type \"{(kind.Length <= MaxMention ? kind : "?")}\".",
                    "Leave the tool out; make pictures by /v1/images/generations.",
                    "tools");
        }
    }

    // Finds pictures, sound and files wherever in the input they stand.
    void WalkInput()
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
            var field = PartFields.Find(ref json.Reader);
            if (field < 0)
            {
                // A reference to an item that the provider remembers.
                var isType = json.Reader.ValueTextEquals("type"u8);
                json.Reader.Read();
                unknownInput |= isType && json.Is("item_reference"u8);
                continue;
            }
            json.Reader.Read();
            if (field == 0 && json.Type == JsonTokenType.String)
            {
                images++;
                mediaBytes += json.Reader.ValueSpan.Length;
            }
            else if (field is >= 1 and <= 4)
            {
                unknownInput |= !json.IsNull;
                json.Skip();
            }
            else if (field == 5)
            {
                json.Skip();
            }
        }
    }
}
