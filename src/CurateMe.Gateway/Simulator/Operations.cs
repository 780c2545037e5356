using CurateMe.Gateway.Simulator.OpenAi;

namespace CurateMe.Gateway.Simulator;

/// <summary>Everything that a provider does, one row each.</summary>
internal static class Operations
{
    public static readonly Operation[] All =
    [
        .. OpenAiPaths("chat.completions", "/chat/completions", ChatCompletions.Answer),
    ];

    // Base addresses of OpenAI-compatible providers end in /v1 or not
    static IEnumerable<Operation> OpenAiPaths(string name, string path, Func<SimulatedCall, Task> handler, bool readsJson = true, string method = "POST") =>
        [new(name, Dialect.OpenAi, method, "/v1" + path, readsJson, handler), new(name, Dialect.OpenAi, method, path, readsJson, handler)];
}
