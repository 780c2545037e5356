using System.Text;
using CurateMe.Ledger.Pricing;
using Xunit;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class BuiltInPriceListTests
{
    static readonly PriceList List = PriceList.BuiltIn;

    [Fact]
    public void BuiltIn_Providers_AreThePathSegments()
    {
        string[] expected = ["anthropic", "azure", "cerebras", "cohere", "deepseek", "fireworks", "google", "groq", "mistral", "moonshot",
            "ollama", "openai", "openrouter", "perplexity", "together", "vllm", "xai"];
        Assert.Equal(expected, List.Providers);
    }
}
