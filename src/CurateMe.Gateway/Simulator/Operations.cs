using CurateMe.Gateway.Simulator.Anthropic;
using CurateMe.Gateway.Simulator.Gemini;
using CurateMe.Gateway.Simulator.OpenAi;

namespace CurateMe.Gateway.Simulator;

/// <summary>Everything that a provider does, one row each.</summary>
internal static class Operations
{
    public static readonly Operation[] All =
    [
        .. OpenAiPaths("chat.completions", "/chat/completions", ChatCompletions.Answer),
        .. OpenAiPaths("responses", "/responses", Responses.Answer),
        .. OpenAiPaths("responses.get", "/responses/{id}", Responses.Get, readsJson: false, method: "GET"),
        .. OpenAiPaths("responses.delete", "/responses/{id}", Responses.Delete, readsJson: false, method: "DELETE"),
        .. OpenAiPaths("responses.cancel", "/responses/{id}/cancel", Responses.Cancel, readsJson: false),
        .. OpenAiPaths("completions", "/completions", Completions.Answer),
        .. OpenAiPaths("embeddings", "/embeddings", Embeddings.Answer),
        .. OpenAiPaths("moderations", "/moderations", Embeddings.Moderate),
        .. OpenAiPaths("images.generations", "/images/generations", Images.Answer),
        .. OpenAiPaths("images.edits", "/images/edits", Images.Edit, readsJson: false),
        .. OpenAiPaths("audio.speech", "/audio/speech", Speech.Answer),
        .. OpenAiPaths("audio.transcriptions", "/audio/transcriptions", Transcriptions.Answer, readsJson: false),
        .. OpenAiPaths("audio.translations", "/audio/translations", Transcriptions.Answer, readsJson: false),
        .. OpenAiPaths("models", "/models", Models.List, readsJson: false, method: "GET"),
        .. OpenAiPaths("models", "/models/{model}", Models.One, readsJson: false, method: "GET"),
        new("models", Dialect.Gemini, "GET", "/v1beta/models", ReadsJson: false, Models.Gemini),
        .. AnthropicPaths("messages", "/messages", Messages.Answer),
        .. AnthropicPaths("messages.count_tokens", "/messages/count_tokens", Messages.CountTokens),
        new("generate_content", Dialect.Gemini, "POST", "/v1beta/models/{target}", ReadsJson: true, GenerateContent.Answer),
        new("generate_content", Dialect.Gemini, "POST", "/v1/models/{target}", ReadsJson: true, GenerateContent.Answer),
    ];

    // Base addresses of OpenAI-compatible providers end in /v1 or not
    static IEnumerable<Operation> OpenAiPaths(string name, string path, Func<SimulatedCall, Task> handler, bool readsJson = true, string method = "POST") =>
        [new(name, Dialect.OpenAi, method, "/v1" + path, readsJson, handler), new(name, Dialect.OpenAi, method, path, readsJson, handler)];

    static IEnumerable<Operation> AnthropicPaths(string name, string path, Func<SimulatedCall, Task> handler) =>
        [new(name, Dialect.Anthropic, "POST", "/v1" + path, ReadsJson: true, handler), new(name, Dialect.Anthropic, "POST", path, ReadsJson: true, handler)];
}
