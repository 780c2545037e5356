using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary>The response object, which is written again at each stage of its life. Keeps nothing of the request's memory.</summary>
internal sealed class ResponseBody
{
    readonly long _created;
    readonly string _model;
    readonly string _tier;
    readonly UsageForm _usage;
    readonly string? _instructions;
    readonly string _tools;
    readonly string _toolChoice;
    readonly string _format;
    readonly string _metadata;
    readonly string? _effort;

    public ResponseBody(SimulatedCall call, ResponsesRequest request)
    {
        var body = call.Body;
        Request = request;
        Id = call.Id("resp_", 48);
        MessageId = call.Id("msg_", 48);
        ReasoningId = call.Id("rs_", 48);
        CallId = call.Id("call_");
        ItemId = call.Id("fc_", 48);
        SearchId = call.Id("ws_", 48);
        _created = call.UnixSeconds;
        _model = call.Model;
        _tier = call.ServiceTier!;
        _usage = call.Behaviour.Usage;
        _instructions = body.Text("instructions");
        _tools = Raw(body.Get("tools"), "[]");
        _toolChoice = Raw(body.Get("tool_choice"), "\"auto\"");
        _format = Raw(body.Get("text").Get("format"), """{"type":"text"}""");
        _metadata = Raw(body.Get("metadata"), "{}");
        _effort = body.Get("reasoning").Text("effort");
    }

    public ResponsesRequest Request { get; }
    public Generation Generation => Request.Generation;
    public string Id { get; }
    public string MessageId { get; }
    public string ReasoningId { get; }
    public string CallId { get; }
    public string ItemId { get; }
    public string SearchId { get; }
    public string FinalStatus => Generation.Capped ? "incomplete" : "completed";
    public bool HasMessage => Generation.ToolName is null && Generation.Pieces.Count > 0;

    static bool Ended(string status) => status is "completed" or "incomplete";

    public ReadOnlyMemory<byte> Render(string status) => Written.Object((Body: this, status), static (json, state) => state.Body.Members(json, state.status));

    public void Members(Utf8JsonWriter json, string status, BillCounts? units = null)
    {
        json.WriteString("id", Id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", _created);
        json.WriteString("status", status);
        json.WriteBoolean("background", Request.Background);
        json.WriteNull("error");
        if (status == "incomplete")
        {
            json.WriteStartObject("incomplete_details");
            json.WriteString("reason", "max_output_tokens");
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details");
        }
        json.WriteString("instructions", _instructions);
        if (Request.Cap is { } cap)
            json.WriteNumber("max_output_tokens", cap);
        else
            json.WriteNull("max_output_tokens");
        json.WriteString("model", _model);
        json.WriteStartArray("output");
        if (Ended(status))
            Output(json);
        json.WriteEndArray();
        Echo(json);
        if (Ended(status))
            Usage(json, units ?? Request.Units);
        else
            json.WriteNull("usage");
        json.WriteNull("user");
        Raw(json, "metadata", _metadata);
    }

    void Echo(Utf8JsonWriter json)
    {
        json.WriteBoolean("parallel_tool_calls", true);
        json.WriteString("previous_response_id", Request.Previous);
        json.WriteStartObject("reasoning");
        json.WriteString("effort", _effort);
        json.WriteNull("summary");
        json.WriteEndObject();
        json.WriteString("service_tier", _tier);
        json.WriteBoolean("store", Request.Store);
        json.WriteNumber("temperature", 1);
        json.WriteStartObject("text");
        Raw(json, "format", _format);
        json.WriteEndObject();
        Raw(json, "tool_choice", _toolChoice);
        Raw(json, "tools", _tools);
        json.WriteNumber("top_p", 1);
        json.WriteString("truncation", "disabled");
    }

    void Output(Utf8JsonWriter json)
    {
        if (Generation.Reasoning > 0)
            ReasoningItem(json);
        for (var i = 0; i < Request.Units.WebSearches; i++)
            SearchItem(json, i);
        if (Generation.ToolName is not null)
            CallItem(json, "completed", Generation.Text);
        else if (HasMessage)
            MessageItem(json, FinalStatus, withText: true);
    }

    public void ReasoningItem(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id", ReasoningId);
        json.WriteString("type", "reasoning");
        json.WriteStartArray("summary");
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public void SearchItem(Utf8JsonWriter json, int index)
    {
        json.WriteStartObject();
        json.WriteString("id", $"{SearchId}{index}");
        json.WriteString("type", "web_search_call");
        json.WriteString("status", "completed");
        json.WriteStartObject("action");
        json.WriteString("type", "search");
        json.WriteString("query", "spend limits");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public void CallItem(Utf8JsonWriter json, string status, string arguments)
    {
        json.WriteStartObject();
        json.WriteString("id", ItemId);
        json.WriteString("type", "function_call");
        json.WriteString("status", status);
        json.WriteString("arguments", arguments);
        json.WriteString("call_id", CallId);
        json.WriteString("name", Generation.ToolName);
        json.WriteEndObject();
    }

    public void MessageItem(Utf8JsonWriter json, string status, bool withText)
    {
        json.WriteStartObject();
        json.WriteString("id", MessageId);
        json.WriteString("type", "message");
        json.WriteString("status", status);
        json.WriteStartArray("content");
        if (withText)
            TextPart(json, Generation.Text);
        json.WriteEndArray();
        json.WriteString("role", "assistant");
        json.WriteEndObject();
    }

    public static void TextPart(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type", "output_text");
        json.WriteStartArray("annotations");
        json.WriteEndArray();
        json.WriteStartArray("logprobs");
        json.WriteEndArray();
        json.WriteString("text", text);
        json.WriteEndObject();
    }

    void Usage(Utf8JsonWriter json, BillCounts units) => ReportedUsage.Write(json, "usage", _usage, units, static (usage, units) =>
    {
        usage.Count("input_tokens", units.PromptTokens);
        usage.Json.WriteStartObject("input_tokens_details");
        usage.Count("cached_tokens", units.CacheReadTokens);
        usage.Json.WriteEndObject();
        usage.Count("output_tokens", units.CompletionTokens);
        usage.Json.WriteStartObject("output_tokens_details");
        usage.Count("reasoning_tokens", units.ReasoningTokens);
        usage.Json.WriteEndObject();
        usage.Count("total_tokens", units.PromptTokens + units.CompletionTokens);
    });

    static string Raw(JsonElement json, string otherwise) => json.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null ? otherwise : json.GetRawText();

    static void Raw(Utf8JsonWriter json, string name, string raw)
    {
        json.WritePropertyName(name);
        json.WriteRawValue(raw, skipInputValidation: true);
    }
}
