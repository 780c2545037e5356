using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>What an org may spend and do.</summary>
static class PolicyEndpoints
{
    public static RouteGroupBuilder MapPolicies(this RouteGroupBuilder admin)
    {
        var policies = admin.MapGroup("/gateway/policy").WithTags("Policies");
        policies.MapGet("/{org}", GetAsync).WithName("GetPolicy").Requires(AdminRight.Read);
        policies.MapPatch("/{org}", PatchAsync).WithName("UpdatePolicy").Requires(AdminRight.Change);
        return policies;
    }

    static async Task<Ok<PolicyView>> GetAsync(string org, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await call.OrgAsync(org, "org", ct);
        var policy = await catalogue.Policies.FindAsync(org, ct);
        return TypedResults.Ok(View(stored.Value, policy?.Value ?? new PolicyDocument(), policy?.Version ?? 0));
    }

    static async Task<Ok<PolicyView>> PatchAsync(string org, Body<PolicyDocument> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await call.OrgAsync(org, "org", ct);
        var policy = await catalogue.Policies.FindAsync(org, ct);
        var changed = BodyReader.Patched(policy?.Json ?? "{}", body, DocumentJson.Default.PolicyDocument);
        var version = await SaveAsync("policy.patch", stored, policy, changed, call, catalogue, ct);
        return TypedResults.Ok(View(stored.Value, changed, version));
    }

    /// <summary>Checks and stores a policy document.</summary>
    /// <returns>Its new version.</returns>
    public static async Task<long> SaveAsync(
        string action, Stored<OrgDocument> org, Stored<PolicyDocument>? before, PolicyDocument changed, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        Rules.Policy(changed);
        ConfigWrite write = before is null
            ? catalogue.Policies.New(org.Id, org.Id, lookup: null, changed)
            : catalogue.Policies.Change(before, changed);
        await catalogue.CommitAsync([write], call.Audit(action, "policy", org.Id, org.Id, before?.Json, catalogue.Policies.Text(changed)), ct);
        return write.ExpectedVersion + 1;
    }

    static PolicyView View(OrgDocument org, PolicyDocument document, long version)
    {
        var policy = OrgPolicy.Resolve(org.Tier, document);
        return new PolicyView
        {
            OrgId = org.OrgId,
            Tier = org.Tier,
            DailyBudget = policy.DailyBudget,
            MonthlyBudget = policy.MonthlyBudget,
            MaxCostPerRequest = policy.MaxCostPerRequest,
            HitlThreshold = policy.HitlThreshold,
            ModelAllowlist = document.ModelAllowlist,
            RateLimitRpm = policy.RateLimitRpm,
            MaxConcurrency = policy.MaxConcurrency,
            Queue = new QueueView(policy.QueueMaxDepth, (int)policy.QueueMaxWait.TotalMilliseconds),
            Protection = policy.Protection.View(),
            OnBudgetStoreLoss = policy.OnBudgetStoreLoss,
            OnMissingUsage = policy.OnMissingUsage,
            OnUnpricedModel = policy.OnUnpricedModel,
            DefaultMaxOutputTokens = policy.DefaultMaxOutputTokens,
            MinOutputTokens = policy.MinOutputTokens,
            ClampOutput = policy.ClampOutput,
            MaxRequestBytes = policy.MaxRequestBytes,
            MaxReasoningTokens = policy.MaxReasoningTokens,
            ModelAliases = policy.ModelAliases,
            Fallbacks = policy.Fallbacks,
            Overrides = document,
            Version = version,
        };
    }
}
