using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Admin;

/// <summary>What values may be written. Each rule throws the <see cref="Refusal"/> that names the field.</summary>
static class Rules
{
    /// <summary>The largest limit: a billion dollars.</summary>
    public static readonly NanoUsd MaxAmount = NanoUsd.FromDollars(1_000_000_000);

    public const int MaxRequestsPerMinute = 10_000_000;
    public const int MaxConcurrency = 1_000_000;
    const int MaxNameLength = 200;
    const int MaxIdLength = 64;

    public static void Amount(string param, NanoUsd? amount)
    {
        if (amount is { } value && (value < NanoUsd.Zero || value > MaxAmount))
        {
            throw Refusal.InvalidField(param, $"is {value} dollars; it must be from 0 to {MaxAmount}");
        }
    }

    public static void Amount(string param, MoneyLimit? limit) => Amount(param, limit?.Amount);

    public static void Count(string param, long? count, long least, long most)
    {
        if (count is { } value && (value < least || value > most))
        {
            throw Refusal.InvalidField(param, $"is {value}; it must be from {least} to {most}");
        }
    }

    /// <summary>A name for people.</summary>
    public static void Name(string param, string? name)
    {
        if (name is not null && (name.Length > MaxNameLength || string.IsNullOrWhiteSpace(name) || name.Any(char.IsControl)))
        {
            throw Refusal.InvalidField(param, $"must have 1 to {MaxNameLength} printable characters");
        }
    }

    /// <summary>An id chosen by the caller: part of store keys and paths, so of few kinds of characters.</summary>
    public static void Id(string param, string? id)
    {
        if (id is not null && !IsId(id))
        {
            throw Refusal.InvalidField(param, $"must have 1 to {MaxIdLength} letters, digits, '_', '-' or '.', and begin with a letter or digit");
        }
    }

    /// <summary>Whether a text can be an id at all.</summary>
    public static bool IsId(string id) =>
        id.Length is > 0 and <= MaxIdLength && char.IsAsciiLetterOrDigit(id[0]) && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');

    public static void Models(string param, IReadOnlyList<string?>? models)
    {
        if (models is null)
        {
            return;
        }
        if (models.Count > ModelAllowlist.MaxEntries)
        {
            throw Refusal.InvalidField(param, $"has {models.Count} entries; {ModelAllowlist.MaxEntries} is the most");
        }
        for (var i = 0; i < models.Count; i++)
        {
            Model($"{param}[{i}]", models[i], mayEndInStar: true);
        }
    }

    public static void Model(string param, string? model, bool mayEndInStar)
    {
        var star = model?.IndexOf('*', StringComparison.Ordinal) ?? -1;
        if (string.IsNullOrWhiteSpace(model) || model.Length > ModelAllowlist.MaxEntryLength || model.Any(c => char.IsControl(c) || char.IsWhiteSpace(c))
            || (star >= 0 && !(mayEndInStar && star == model.Length - 1)))
        {
            throw Refusal.InvalidField(param, $"must name a model in 1 to {ModelAllowlist.MaxEntryLength} characters without spaces{(mayEndInStar ? "; '*' only at the end" : " and without '*'")}");
        }
    }

    public static void IpRanges(string param, IReadOnlyList<string?>? ranges)
    {
        if (ranges is null)
        {
            return;
        }
        if (ranges.Count > IpAllowlist.MaxEntries)
        {
            throw Refusal.InvalidField(param, $"has {ranges.Count} entries; {IpAllowlist.MaxEntries} is the most");
        }
        for (var i = 0; i < ranges.Count; i++)
        {
            if (!IpAllowlist.TryParse(ranges[i], out _))
            {
                throw Refusal.InvalidField($"{param}[{i}]", "must be an address or a range such as 10.0.0.0/8 or 2001:db8::/32");
            }
        }
    }

    public static void Future(string param, DateTimeOffset? at, DateTimeOffset now)
    {
        if (at <= now)
        {
            throw Refusal.InvalidField(param, $"is not in the future; it is {Rfc3339Converter.Format(now)} now");
        }
    }

    public static void Policy(PolicyDocument policy)
    {
        Amount("daily_budget", policy.DailyBudget);
        Amount("monthly_budget", policy.MonthlyBudget);
        Amount("max_cost_per_request", policy.MaxCostPerRequest);
        Amount("hitl_threshold", policy.HitlThreshold);
        Models("model_allowlist", policy.ModelAllowlist);
        Count("rate_limit_rpm", policy.RateLimitRpm?.Count, 0, MaxRequestsPerMinute);
        Count("max_concurrency", policy.MaxConcurrency?.Count, 0, MaxConcurrency);
        Count("queue.max_depth", policy.Queue?.MaxDepth, 0, 100_000);
        Count("queue.max_wait_ms", policy.Queue?.MaxWaitMs, 0, 600_000);
        Protection(policy.Protection);
        Count("default_max_output_tokens", policy.DefaultMaxOutputTokens, 1, 10_000_000);
        Count("min_output_tokens", policy.MinOutputTokens, 1, 10_000_000);
        Count("max_request_bytes", policy.MaxRequestBytes, 1_024, 256 << 20);
        Count("max_reasoning_tokens", policy.MaxReasoningTokens?.Count, 0, 10_000_000);
        Count("model_aliases", policy.ModelAliases?.Count, 0, ModelAllowlist.MaxEntries);
        Count("fallbacks", policy.Fallbacks?.Count, 0, ModelAllowlist.MaxEntries);
        foreach (var (alias, model) in policy.ModelAliases ?? new Dictionary<string, string>())
        {
            Model("model_aliases", alias, mayEndInStar: false);
            Model($"model_aliases.{alias}", model, mayEndInStar: false);
        }
        foreach (var (model, others) in policy.Fallbacks ?? new Dictionary<string, IReadOnlyList<string>>())
        {
            Model("fallbacks", model, mayEndInStar: false);
            Count($"fallbacks.{model}", others?.Count ?? 0, 1, Planner.MaxFallbacks);
            for (var i = 0; i < others!.Count; i++)
            {
                Model($"fallbacks.{model}[{i}]", others[i], mayEndInStar: false);
            }
        }
        OneCase("model_aliases", policy.ModelAliases?.Keys);
        OneCase("fallbacks", policy.Fallbacks?.Keys);
    }

    static void Protection(ProtectionDocument? protection)
    {
        Count("protection.retry_storm.requests", protection?.RetryStorm?.Requests, 2, 1_000_000);
        Count("protection.retry_storm.window_seconds", protection?.RetryStorm?.WindowSeconds, 1, 3_600);
        Count("protection.runaway_agent.requests", protection?.RunawayAgent?.Requests, 2, 1_000_000);
        Count("protection.runaway_agent.window_seconds", protection?.RunawayAgent?.WindowSeconds, 1, 3_600);
        Factor("protection.hourly_spike.factor", protection?.HourlySpike?.Factor);
        Amount("protection.hourly_spike.min_usd", protection?.HourlySpike?.MinUsd);
        Factor("protection.new_expensive_model.factor", protection?.NewExpensiveModel?.Factor);
        Count("protection.throttle_rpm", protection?.ThrottleRpm, 0, 100_000);
        Count("protection.throttle_seconds", protection?.ThrottleSeconds, 1, 86_400);
    }

    static void Factor(string param, decimal? factor)
    {
        if (factor is { } value && (value <= 1 || value > 1_000 || decimal.Round(value, 2) != value))
        {
            throw Refusal.InvalidField(param, "must be above 1, at most 1,000, and have at most two decimals");
        }
    }

    // Names of models are compared without regard to case, so two that differ only there would be one.
    static void OneCase(string param, IEnumerable<string>? names)
    {
        if (names?.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw Refusal.InvalidField($"{param}.{twice.Key}", "is there twice, in different case");
        }
    }
}
