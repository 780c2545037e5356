using CurateMe.Gateway.Configuration;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers;

/// <summary>One row as configuration may override it: <c>Providers__NAME__FIELD</c>. Null leaves the built-in value.</summary>
sealed class ProviderOptions
{
    public string? BaseUrl { get; set; }
    public string? ApiKey { get; set; }
    public string? Dialect { get; set; }
    public string? AuthHeader { get; set; }
    public string? AuthPrefix { get; set; }
    public string? CapField { get; set; }
    public bool? KeyOptional { get; set; }
    public bool? AskStreamUsage { get; set; }
    public bool? ReasoningBeside { get; set; }
    public string? AutoTier { get; set; }
    public string? ApiVersion { get; set; }
    public bool? ByDeployment { get; set; }

    /// <summary>The row with these overrides; adds what is wrong with them to the faults.</summary>
    public ProviderRow Apply(ProviderRow? row, string name, ConfigurationFaults faults)
    {
        var key = $"Providers__{name}";
        if (row is null && BaseUrl is null)
        {
            faults.Add($"{key}__BaseUrl", "is missing; a provider of your own needs its address, e.g. https://llm.example.com/v1");
        }
        if (BaseUrl is not null && !(Uri.TryCreate(BaseUrl, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
        {
            faults.Add($"{key}__BaseUrl", "is no http or https address");
        }
        var dialect = row?.Dialect ?? DialectKind.OpenAi;
        if (Dialect is not null && !Enum.TryParse(Dialect, ignoreCase: true, out dialect))
        {
            faults.Add($"{key}__Dialect", "is not one of openai, anthropic, gemini");
        }
        var tier = row?.AutoTier ?? ServiceTier.Standard;
        if (AutoTier is not null && !(Enum.TryParse(AutoTier, ignoreCase: true, out tier) && tier is ServiceTier.Standard or ServiceTier.Flex or ServiceTier.Priority))
        {
            faults.Add($"{key}__AutoTier", "is not one of standard, flex, priority");
        }
        row ??= new ProviderRow { Name = name, BaseUrl = BaseUrl ?? "" };
        return row with
        {
            BaseUrl = (BaseUrl ?? row.BaseUrl).TrimEnd('/'),
            ApiKey = string.IsNullOrWhiteSpace(ApiKey) ? row.ApiKey : ApiKey.Trim(),
            Dialect = dialect,
            AuthHeader = AuthHeader ?? row.AuthHeader,
            AuthPrefix = AuthPrefix ?? row.AuthPrefix,
            CapField = CapField ?? row.CapField,
            KeyOptional = KeyOptional ?? row.KeyOptional,
            AskStreamUsage = AskStreamUsage ?? row.AskStreamUsage,
            ReasoningBeside = ReasoningBeside ?? row.ReasoningBeside,
            AutoTier = tier,
            ByDeployment = ByDeployment ?? row.ByDeployment,
            ApiVersion = string.IsNullOrWhiteSpace(ApiVersion) ? row.ApiVersion : Uri.EscapeDataString(ApiVersion.Trim()),
        };
    }
}
