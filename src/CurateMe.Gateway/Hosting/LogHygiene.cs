namespace CurateMe.Gateway.Hosting;

/// <summary>
/// Keeps the framework's lines that quote requests out of every log, whatever level the operator asks for (I9): the address with its query, where
/// an <c>api_key</c> may stand, and the raw lines of requests that could not be read.
/// </summary>
static class LogHygiene
{
    static readonly string[] Quoting = ["Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Server.Kestrel.BadRequests"];

    /// <summary>Lets these categories pass from warnings on only; a rule for one provider would outrank one for a category, so every rule is narrowed.</summary>
    public static void Apply(LoggerFilterOptions options)
    {
        List<LoggerFilterRule> rules = [new(null, null, options.MinLevel, null), .. options.Rules];
        options.Rules.Clear();
        foreach (var rule in rules)
        {
            options.Rules.Add(new LoggerFilterRule(
                rule.ProviderName, rule.CategoryName, rule.LogLevel,
                (provider, category, level) => (level >= LogLevel.Warning || !Quoting.Contains(category, StringComparer.Ordinal)) && rule.Filter?.Invoke(provider, category, level) != false));
        }
    }
}
