using System.Text.Json;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary><c>service_tier</c>, as asked for and as billed.</summary>
static class OpenAiTier
{
    /// <summary>The tier named in an answer; null where it names none that is known.</summary>
    public static ServiceTier? Read(ref Utf8JsonReader json) =>
        json.ValueTextEquals("flex"u8) ? ServiceTier.Flex
        : json.ValueTextEquals("priority"u8) ? ServiceTier.Priority
        : json.ValueTextEquals("default"u8) || json.ValueTextEquals("standard"u8) ? ServiceTier.Standard
        : null;

    /// <summary>The tier asked for, and whether one was named at all: <c>auto</c> leaves it to the account's setting.</summary>
    public static (ServiceTier Tier, bool Named) Asked(ref RequestJson json)
    {
        if (json.IsNull)
        {
            return (ServiceTier.Standard, false);
        }
        json.Expect(JsonTokenType.String, "service_tier", "a string");
        return json.Is("auto"u8) ? (ServiceTier.Standard, false) : (Read(ref json.Reader) ?? ServiceTier.Standard, true);
    }
}
