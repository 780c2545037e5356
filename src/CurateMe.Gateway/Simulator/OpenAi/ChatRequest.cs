using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary>What matters of a chat completion request: the prompt's size, the caps and what kind of answer is wanted.</summary>
internal sealed record ChatRequest
{
    public const int MaxChoices = 128;

    /// <summary>Tokens that every prompt is primed with.</summary>
    public const int PrimingTokens = 3;

    /// <summary>Tokens around each message.</summary>
    public const int MessageTokens = 3;

    public bool Stream { get; init; }
    public bool IncludeUsage { get; init; }
    public int Choices { get; init; } = 1;
    public bool Audio { get; init; }
    public required IReadOnlyList<Generation> Generations { get; init; }

    /// <summary>The caller named the tool; providers then say <c>stop</c>, not <c>tool_calls</c>.</summary>
    public bool NamedTool { get; init; }

    public required BillCounts Units { get; init; }

    /// <exception cref="ProviderError">The request is one that the provider refuses.</exception>
    public static ChatRequest Read(SimulatedCall call)
    {
        var body = call.Body;
        call.Model = body.Text("model") ?? throw new ProviderError(400, "you must provide a model parameter");
        call.ServiceTier = body.Text("service_tier") is { } tier && tier != "auto" ? tier : "default";
        var card = call.Card();
        var prompt = ReadPrompt(body, call.Behaviour);
        if (prompt.PromptTokens > card.Context)
            throw new ProviderError(400, $"This model's maximum context length is {card.Context} tokens. However, your messages resulted in {prompt.PromptTokens} tokens. Please reduce the length of the messages.", "messages", "context_length_exceeded");
        var choices = body.Number("n", 1, MaxChoices) ?? 1;
        var (schema, tool) = Form(body);
        var generations = new Generation[choices];
        for (var i = 0; i < choices; i++)
            generations[i] = Generation.For(call, card, Cap(call, card), prompt.PromptTokens, schema, tool, ReasoningWanted(call, card, body.Text("reasoning_effort")), call.Seed + (uint)i);
        var made = generations.Sum(generation => generation.Completion);
        // Two tokens of sound to one of its transcript
        var sound = body.Items("modalities").Any(modality => modality.ValueEquals("audio"u8)) ? 2 * made : 0;
        return new ChatRequest
        {
            Stream = body.Flag("stream"),
            IncludeUsage = body.Get("stream_options").Flag("include_usage"),
            Choices = choices,
            Audio = sound > 0,
            Units = prompt with { CompletionTokens = made + sound, ReasoningTokens = generations.Sum(generation => generation.Reasoning), AudioCompletionTokens = sound },
            NamedTool = tool is not null && body.Get("tool_choice").ValueKind == JsonValueKind.Object,
            Generations = generations,
        };
    }

    public static int ReasoningWanted(SimulatedCall call, ModelCard card, string? effort) =>
        call.Behaviour.ReasoningTokens ?? (effort, card.Reasoning) switch
        {
            ("none" or "minimal", _) => 0,
            ("low", _) => 32,
            ("medium", _) => 64,
            ("high", _) => 128,
            ("xhigh" or "max", _) => 256,
            (_, var usual) => usual,
        };

    static int? Cap(SimulatedCall call, ModelCard card)
    {
        var old = call.Body.Number("max_tokens", 1);
        var cap = call.Body.Number("max_completion_tokens", 1) ?? old;
        if (old is not null && card.Reasoning > 0 && call.Provider == "openai")
            throw new ProviderError(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter");
        if (cap > card.MaxOutput)
            throw new ProviderError(400, $"max_tokens is too large: {cap}. This model supports at most {card.MaxOutput} completion tokens, whereas you provided {cap}.", old is null ? "max_completion_tokens" : "max_tokens", "invalid_value");
        return cap;
    }

    /// <summary>The schema that the answer must fit, and the tool that must be called.</summary>
    static (JsonElement Schema, string? Tool) Form(JsonElement body)
    {
        var choice = body.Get("tool_choice");
        var named = choice.Get("function").Text("name");
        if (named is not null || choice.ValueKind == JsonValueKind.String && choice.ValueEquals("required"u8))
        {
            foreach (var tool in body.Items("tools"))
            {
                var function = tool.Get("function");
                if (function.Text("name") is { } name && (named is null || name == named))
                    return (function.Has("parameters") ? function.Get("parameters") : AnyObject, name);
            }
        }
        var format = body.Get("response_format");
        return (format.Is("type", "json_schema"u8) ? format.Get("json_schema").Get("schema") : format.Is("type", "json_object"u8) ? AnyObject : default, null);
    }

    public static readonly JsonElement AnyObject = JsonElement.Parse("""{"type":"object","properties":{"answer":{"type":"string"}}}""");

    static BillCounts ReadPrompt(JsonElement body, Behaviour behaviour)
    {
        int text = PrimingTokens, images = 0, audio = 0, messages = 0;
        foreach (var message in body.Items("messages"))
        {
            messages++;
            text += MessageTokens + message.Get("name").TokenCount() + message.Get("tool_calls").TokenCount();
            var content = message.Get("content");
            if (content.ValueKind == JsonValueKind.Array)
            {
                foreach (var part in content.EnumerateArray())
                    Count(part, ref text, ref images, ref audio);
            }
            else
            {
                text += content.TokenCount();
            }
        }
        if (messages == 0)
            throw new ProviderError(400, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter");
        text += body.Get("tools").TokenCount() + body.Get("functions").TokenCount() + body.Get("response_format").Get("json_schema").TokenCount();
        var all = text + images + audio;
        return new BillCounts
        {
            PromptTokens = all,
            CacheReadTokens = Math.Min(behaviour.CachedTokens ?? 0, text + images),
            AudioPromptTokens = audio,
        };
    }

    static void Count(JsonElement part, ref int text, ref int images, ref int audio)
    {
        if (part.Has("image_url"))
        {
            var image = part.Get("image_url");
            images += Pictures.OpenAiTokens(image.Text("url"), image.Is("detail", "low"u8));
        }
        else if (part.Has("input_audio"))
        {
            audio += Math.Max(1, Pictures.SoundMilliseconds(part.Get("input_audio").Text("data")) / 100);
        }
        else
        {
            text += part.Has("text") ? part.Get("text").TokenCount() : part.TokenCount();
        }
    }
}
