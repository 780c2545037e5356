using System.Text.Json;

namespace CurateMe.Gateway.Simulator.Gemini;

/// <summary>What matters of a <c>generateContent</c> request. Members may be written in camel case or in snake case.</summary>
internal sealed record GeminiRequest(BillCounts Units, IReadOnlyList<Generation> Generations, bool ShowThoughts)
{
    const int PrimingTokens = 1;
    const int MaxCandidates = 8;

    /// <exception cref="ProviderError">The request is one that the provider refuses.</exception>
    public static GeminiRequest Read(SimulatedCall call)
    {
        var body = call.Body;
        var card = call.Card();
        var settings = Either(body, "generationConfig", "generation_config");
        var cap = Number(settings, "maxOutputTokens", "max_output_tokens", 1, card.MaxOutput);
        var prompt = Prompt(body, call.Behaviour);
        if (prompt.PromptTokens > card.Context)
            throw new ProviderError(400, $"The input token count ({prompt.PromptTokens}) exceeds the maximum number of tokens allowed ({card.Context}).");
        var thinking = Either(settings, "thinkingConfig", "thinking_config");
        var budget = Number(thinking, "thinkingBudget", "thinking_budget", -1);
        var thought = call.Behaviour.ReasoningTokens ?? (budget is null or < 0 ? card.Reasoning : Math.Min(budget.Value, 64));
        var (schema, tool) = Form(body, settings);
        var count = Number(settings, "candidateCount", "candidate_count", 1, MaxCandidates) ?? 1;
        Generation[] generations = [.. Enumerable.Range(0, count).Select(index =>
            Generation.For(call, card, cap, prompt.PromptTokens, schema, tool, thought, call.Seed + (uint)index))];
        var units = prompt with { CompletionTokens = generations.Sum(g => g.Completion), ReasoningTokens = generations.Sum(g => g.Reasoning) };
        var show = Either(thinking, "includeThoughts", "include_thoughts").ValueKind == JsonValueKind.True;
        return new GeminiRequest(units, generations, show);
    }

    public static BillCounts Prompt(JsonElement body, Behaviour behaviour)
    {
        int text = PrimingTokens, images = 0, audio = 0, contents = 0;
        foreach (var content in body.Items("contents"))
        {
            contents++;
            foreach (var part in content.Items("parts"))
                Count(part, ref text, ref images, ref audio);
        }
        if (contents == 0)
            throw new ProviderError(400, "* GenerateContentRequest.contents: contents is not specified");
        foreach (var part in Either(body, "systemInstruction", "system_instruction").Items("parts"))
            Count(part, ref text, ref images, ref audio);
        text += body.Get("tools").TokenCount();
        var cached = behaviour.CachedTokens ?? 0;
        // What a named cache holds is not in the body, yet is a part of the prompt
        if (Either(body, "cachedContent", "cached_content").ValueKind == JsonValueKind.String)
            text += cached;
        return new BillCounts
        {
            PromptTokens = text + images + audio,
            CacheReadTokens = Math.Min(cached, text),
            ImagePromptTokens = images,
            AudioPromptTokens = audio,
        };
    }

    static void Count(JsonElement part, ref int text, ref int images, ref int audio)
    {
        var inline = Either(part, "inlineData", "inline_data");
        if (inline.ValueKind != JsonValueKind.Object)
            inline = Either(part, "fileData", "file_data");
        if (inline.ValueKind == JsonValueKind.Object)
        {
            var kind = Either(inline, "mimeType", "mime_type");
            var data = inline.Text("data");
            if (kind.ValueKind == JsonValueKind.String && kind.GetString()!.StartsWith("audio/", StringComparison.Ordinal))
                audio += Math.Max(1, Pictures.SoundMilliseconds(data) * 32 / 1000);
            else
                images += Pictures.GeminiTokens(data);
            return;
        }
        text += part.Has("text") ? part.Get("text").TokenCount() : part.TokenCount();
    }

    static (JsonElement Schema, string? Tool) Form(JsonElement body, JsonElement settings)
    {
        var calling = Either(Either(body, "toolConfig", "tool_config"), "functionCallingConfig", "function_calling_config");
        if (calling.Is("mode", "ANY"u8))
        {
            var allowed = calling.Items("allowedFunctionNames").Concat(calling.Items("allowed_function_names")).Select(name => name.GetString()).ToArray();
            foreach (var tool in body.Items("tools"))
            {
                foreach (var function in tool.Items("functionDeclarations").Concat(tool.Items("function_declarations")))
                {
                    if (function.Text("name") is { } name && (allowed.Length == 0 || allowed.Contains(name)))
                        return (function.Has("parameters") ? function.Get("parameters") : OpenAi.ChatRequest.AnyObject, name);
                }
            }
        }
        foreach (var member in (ReadOnlySpan<string>)["responseSchema", "response_schema", "responseJsonSchema", "response_json_schema"])
        {
            if (settings.Has(member))
                return (settings.Get(member), null);
        }
        var mime = Either(settings, "responseMimeType", "response_mime_type");
        return (mime.ValueKind == JsonValueKind.String && mime.ValueEquals("application/json"u8) ? OpenAi.ChatRequest.AnyObject : default, null);
    }

    static JsonElement Either(JsonElement json, string camel, string snake) => json.Has(camel) ? json.Get(camel) : json.Get(snake);

    static int? Number(JsonElement json, string camel, string snake, int min, int max = int.MaxValue) => json.Number(camel, min, max) ?? json.Number(snake, min, max);
}
