using CurateMe.Gateway.Providers;
using CurateMe.Gateway.Simulator;

namespace CurateMe.Gateway.Hosting;

/// <summary><c>--demo</c>: every provider's address is the built-in simulator's.</summary>
static class Demo
{
    const string Key = "sk-demo";

    public static GatewaySettings AnswerFrom(SimulatorHost simulator, GatewaySettings settings) => settings with
    {
        Providers = [.. settings.Providers.Select(row => row with
        {
            BaseUrl = simulator.BaseUrl(row.Name) + (row.Dialect == DialectKind.Gemini ? "" : "/v1"),
            ApiKey = Key,
        })],
    };
}
