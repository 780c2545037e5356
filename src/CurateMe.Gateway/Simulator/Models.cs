using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>The lists of models, in each provider's shape. Free of charge.</summary>
internal static class Models
{
    // 2025-01-01, for the time of creation that every model must have
    const long Created = 1735689600;

    static string[] Of(string provider) => provider switch
    {
        "openai" => ["gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "gpt-5-mini", "o3", "text-embedding-3-small", "gpt-image-1", "tts-1", "whisper-1"],
        "anthropic" => ["claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"],
        "google" or "gemini" => ["gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.0-flash"],
        _ => ["sim-small", "sim-large", "sim-reasoning"],
    };

    public static Task List(SimulatedCall call) => call.AnswerFreeAsync(Written.Object(call.Provider, static (json, provider) =>
    {
        var anthropic = provider == "anthropic";
        if (!anthropic)
            json.WriteString("object", "list");
        json.WriteStartArray("data");
        foreach (var model in Of(provider))
        {
            json.WriteStartObject();
            Write(json, provider, model);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (!anthropic)
            return;
        json.WriteBoolean("has_more", false);
        json.WriteString("first_id", Of(provider)[0]);
        json.WriteString("last_id", Of(provider)[^1]);
    }));

    public static Task One(SimulatedCall call)
    {
        call.Model = (string)call.Context.Request.RouteValues["model"]!;
        call.Card();
        return call.AnswerFreeAsync(Written.Object((call.Provider, call.Model), static (json, state) => Write(json, state.Provider, state.Model)));
    }

    public static Task Gemini(SimulatedCall call) => call.AnswerFreeAsync(Written.Object(call.Provider, static (json, provider) =>
    {
        json.WriteStartArray("models");
        foreach (var model in Of(provider))
        {
            var card = ModelCard.Find(provider, model)!;
            json.WriteStartObject();
            json.WriteString("name", $"models/{model}");
            json.WriteString("displayName", model);
            json.WriteNumber("inputTokenLimit", card.Context);
            json.WriteNumber("outputTokenLimit", card.MaxOutput);
            json.WriteStartArray("supportedGenerationMethods");
            json.WriteStringValue("generateContent");
            json.WriteStringValue("countTokens");
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }));

    static void Write(Utf8JsonWriter json, string provider, string model)
    {
        if (provider == "anthropic")
        {
            json.WriteString("type", "model");
            json.WriteString("id", model);
            json.WriteString("display_name", model);
            json.WriteString("created_at", "2025-01-01T00:00:00Z");
            return;
        }
        json.WriteString("id", model);
        json.WriteString("object", "model");
        json.WriteNumber("created", Created);
        json.WriteString("owned_by", provider);
    }
}
