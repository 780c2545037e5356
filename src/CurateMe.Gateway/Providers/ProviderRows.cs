namespace CurateMe.Gateway.Providers;

/// <summary>The rows that are there without any configuration.</summary>
static class ProviderRows
{
    public static IReadOnlyList<ProviderRow> BuiltIn { get; } =
    [
        new() { Name = "openai", BaseUrl = "https://api.openai.com/v1", CapField = "max_completion_tokens" },
        new() { Name = "anthropic", BaseUrl = "https://api.anthropic.com/v1", Dialect = DialectKind.Anthropic, AuthHeader = "x-api-key", AuthPrefix = "" },
        new() { Name = "google", BaseUrl = "https://generativelanguage.googleapis.com", Dialect = DialectKind.Gemini, AuthHeader = "x-goog-api-key", AuthPrefix = "" },
        new() { Name = "azure", BaseUrl = "https://YOUR-RESOURCE.openai.azure.com/openai/v1", AuthHeader = "api-key", AuthPrefix = "", CapField = "max_completion_tokens", ByDeployment = true },
        new() { Name = "deepseek", BaseUrl = "https://api.deepseek.com/v1" },
        new() { Name = "groq", BaseUrl = "https://api.groq.com/openai/v1", CapField = "max_completion_tokens" },
        new() { Name = "mistral", BaseUrl = "https://api.mistral.ai/v1", AskStreamUsage = false },
        new() { Name = "xai", BaseUrl = "https://api.x.ai/v1", CapField = "max_completion_tokens", ReasoningBeside = true },
        new() { Name = "together", BaseUrl = "https://api.together.xyz/v1" },
        new() { Name = "fireworks", BaseUrl = "https://api.fireworks.ai/inference/v1" },
        new() { Name = "openrouter", BaseUrl = "https://openrouter.ai/api/v1" },
        new() { Name = "perplexity", BaseUrl = "https://api.perplexity.ai", AskStreamUsage = false },
        new() { Name = "cerebras", BaseUrl = "https://api.cerebras.ai/v1", CapField = "max_completion_tokens" },
        new() { Name = "moonshot", BaseUrl = "https://api.moonshot.ai/v1" },
        new() { Name = "cohere", BaseUrl = "https://api.cohere.ai/compatibility/v1" },
        new() { Name = "ollama", BaseUrl = "http://127.0.0.1:11434/v1", KeyOptional = true },
        new() { Name = "vllm", BaseUrl = "http://127.0.0.1:8000/v1", KeyOptional = true },
    ];
}
