using System.Runtime.InteropServices;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /embeddings</c> and <c>POST /moderations</c>: short answers about texts.</summary>
internal static class Embeddings
{
    const int MaxDimensions = 3072;

    static readonly string[] Categories =
    [
        "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm", "self-harm/instructions",
        "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
    ];

    public static Task Answer(SimulatedCall call)
    {
        var body = call.Body;
        call.Model = body.Text("model") ?? throw new ProviderError(400, "you must provide a model parameter");
        var card = call.Card();
        var inputs = Completions.Prompts(body.Get("input"));
        if (inputs.Max() > card.Context)
            throw new ProviderError(400, $"This model's maximum context length is {card.Context} tokens, however you requested {inputs.Max()} tokens.", code: "context_length_exceeded");
        var dimensions = body.Number("dimensions", 1, MaxDimensions) ?? (call.Model.Contains("large", StringComparison.Ordinal) ? MaxDimensions : 1536);
        var vector = new float[dimensions];
        // Of length one, as the real ones are
        Array.Fill(vector, 1 / MathF.Sqrt(dimensions));
        var units = new BillCounts { PromptTokens = inputs.Sum() };
        return call.AnswerAsync(units, Written.Object((call, units, inputs.Count, vector, base64: body.Is("encoding_format", "base64"u8)), static (json, state) =>
        {
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            for (var i = 0; i < state.Count; i++)
            {
                json.WriteStartObject();
                json.WriteString("object", "embedding");
                json.WriteNumber("index", i);
                Vector(json, state.vector, state.base64);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteString("model", state.call.Model);
            ReportedUsage.Write(json, "usage", state.call.Behaviour.Usage, state.units, static (usage, units) =>
            {
                usage.Count("prompt_tokens", units.PromptTokens);
                usage.Count("total_tokens", units.PromptTokens);
            });
        }));
    }

    static void Vector(Utf8JsonWriter json, float[] vector, bool base64)
    {
        if (base64)
        {
            json.WriteBase64String("embedding", MemoryMarshal.AsBytes(vector.AsSpan()));
            return;
        }
        json.WriteStartArray("embedding");
        foreach (var value in vector)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <summary>Free of charge.</summary>
    public static Task Moderate(SimulatedCall call)
    {
        call.Model = call.Body.Text("model") ?? "omni-moderation-latest";
        call.Card();
        var input = call.Body.Get("input");
        // A list of parts is one input of several kinds; a list of texts is several inputs
        var results = input.ValueKind == JsonValueKind.Array && input.GetArrayLength() > 0 && input[0].ValueKind == JsonValueKind.String ? input.GetArrayLength() : 1;
        return call.AnswerFreeAsync(Written.Object((call, results), static (json, state) =>
        {
            json.WriteString("id", state.call.Id("modr-", 32));
            json.WriteString("model", state.call.Model);
            json.WriteStartArray("results");
            for (var i = 0; i < state.results; i++)
            {
                json.WriteStartObject();
                json.WriteBoolean("flagged", false);
                json.WriteStartObject("categories");
                foreach (var category in Categories)
                    json.WriteBoolean(category, false);
                json.WriteEndObject();
                json.WriteStartObject("category_scores");
                foreach (var category in Categories)
                    json.WriteNumber(category, 0.0001);
                json.WriteEndObject();
                json.WriteStartObject("category_applied_input_types");
                foreach (var category in Categories)
                {
                    json.WriteStartArray(category);
                    json.WriteStringValue("text");
                    json.WriteEndArray();
                }
                json.WriteEndObject();
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }));
    }
}
