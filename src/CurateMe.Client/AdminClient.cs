using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace CurateMe.Client;

/// <summary>The gateway refused; its answer says why.</summary>
public sealed class AdminRefusedException(int status, ErrorBody error) : Exception(error.Message)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    public ErrorBody Error { get; } = error;
}

/// <summary>
/// The admin plane, typed. Calls throw <see cref="AdminRefusedException"/> on a refusal and <see cref="HttpRequestException"/> when the gateway
/// does not answer; nothing is retried.
/// </summary>
/// <param name="http">Its base address is the gateway; its time-out bounds every call.</param>
/// <param name="token">Operator's token or a token of <c>/api/v1/admin/tokens</c>.</param>
/// <param name="orgId">Sent as <c>X-Org-ID</c> where no other org is named.</param>
public sealed class AdminClient(HttpClient http, string token, string? orgId = null)
{
    static readonly AdminJson Json = AdminJson.Default;

    /// <summary>The org that calls are about; null leaves it to each call.</summary>
    public string? OrgId => orgId;

    /// <summary>The same gateway and token, another org.</summary>
    public AdminClient For(string org) => new(http, token, org);

    public Task<Org> CreateOrgAsync(OrgCreate org, CancellationToken ct = default) => SendAsync(HttpMethod.Post, "/api/v1/admin/orgs", org, Json.OrgCreate, Json.Org, ct);

    public Task<Page<Org>> ListOrgsAsync(int? limit = null, string? cursor = null, CancellationToken ct = default) => GetAsync("/api/v1/admin/orgs" + Query(("limit", limit), ("cursor", cursor)), Json.PageOrg, ct);

    public Task<Org> GetOrgAsync(string org, CancellationToken ct = default) => GetAsync($"/api/v1/admin/orgs/{Uri.EscapeDataString(org)}", Json.Org, ct);

    /// <param name="patch">RFC 7396.</param>
    public Task<Org> PatchOrgAsync(string org, JsonObject patch, CancellationToken ct = default) => PatchAsync($"/api/v1/admin/orgs/{Uri.EscapeDataString(org)}", patch, Json.Org, ct);

    public Task<Page<TierView>> ListTiersAsync(CancellationToken ct = default) => GetAsync("/api/v1/admin/tiers", Json.PageTierView, ct);

    public Task<Team> CreateTeamAsync(TeamCreate team, CancellationToken ct = default) => SendAsync(HttpMethod.Post, "/api/v1/admin/teams", team, Json.TeamCreate, Json.Team, ct);

    public Task<Page<Team>> ListTeamsAsync(int? limit = null, string? cursor = null, CancellationToken ct = default) => GetAsync("/api/v1/admin/teams" + Query(("limit", limit), ("cursor", cursor)), Json.PageTeam, ct);

    /// <param name="patch">RFC 7396.</param>
    public Task<Team> PatchTeamAsync(string team, JsonObject patch, CancellationToken ct = default) => PatchAsync($"/api/v1/admin/teams/{Uri.EscapeDataString(team)}", patch, Json.Team, ct);

    /// <returns>The key with its secret, this once.</returns>
    public Task<ApiKey> CreateKeyAsync(KeyCreate key, CancellationToken ct = default) => SendAsync(HttpMethod.Post, "/api/v1/admin/keys", key, Json.KeyCreate, Json.ApiKey, ct);

    /// <summary>Stores a key at a provider; it is never shown again.</summary>
    public Task<ProviderKey> CreateProviderKeyAsync(ProviderKeyCreate key, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, "/api/v1/admin/provider-keys", key, Json.ProviderKeyCreate, Json.ProviderKey, ct);

    public Task<Page<ProviderKey>> ListProviderKeysAsync(int? limit = null, string? cursor = null, CancellationToken ct = default) =>
        GetAsync("/api/v1/admin/provider-keys" + Query(("limit", limit), ("cursor", cursor)), Json.PageProviderKey, ct);

    public Task<Page<ApiKey>> ListKeysAsync(int? limit = null, string? cursor = null, CancellationToken ct = default) => GetAsync("/api/v1/admin/keys" + Query(("limit", limit), ("cursor", cursor)), Json.PageApiKey, ct);

    public Task<ApiKey> GetKeyAsync(string key, CancellationToken ct = default) => GetAsync(KeyPath(key), Json.ApiKey, ct);

    /// <param name="patch">RFC 7396.</param>
    public Task<ApiKey> PatchKeyAsync(string key, JsonObject patch, CancellationToken ct = default) => PatchAsync(KeyPath(key), patch, Json.ApiKey, ct);

    public Task<ApiKey> DisableKeyAsync(string key, CancellationToken ct = default) => SendAsync(HttpMethod.Post, KeyPath(key) + "/disable", content: null, Json.ApiKey, ct);

    public Task<ApiKey> EnableKeyAsync(string key, CancellationToken ct = default) => SendAsync(HttpMethod.Post, KeyPath(key) + "/enable", content: null, Json.ApiKey, ct);

    /// <returns>The key with its new secret, this once.</returns>
    public Task<ApiKey> RotateKeyAsync(string key, int graceSeconds = 0, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, KeyPath(key) + "/rotate", new KeyRotate { GraceSeconds = graceSeconds }, Json.KeyRotate, Json.ApiKey, ct);

    public Task<PolicyView> GetPolicyAsync(string org, CancellationToken ct = default) => GetAsync($"/api/v1/admin/gateway/policy/{Uri.EscapeDataString(org)}", Json.PolicyView, ct);

    /// <param name="patch">RFC 7396; null clears to the tier's default.</param>
    public Task<PolicyView> PatchPolicyAsync(string org, JsonObject patch, CancellationToken ct = default) => PatchAsync($"/api/v1/admin/gateway/policy/{Uri.EscapeDataString(org)}", patch, Json.PolicyView, ct);

    public Task<DailyCosts> GetDailyCostsAsync(DateOnly? date = null, CancellationToken ct = default) => GetAsync("/api/v1/admin/gateway/costs/daily" + Query(("date", date?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture))), Json.DailyCosts, ct);

    /// <param name="by">Dimensions joined by commas.</param>
    public Task<CostBreakdown> GetBreakdownAsync(string by, DateTimeOffset? from = null, DateTimeOffset? to = null, CancellationToken ct = default) =>
        GetAsync("/api/v1/admin/gateway/costs/breakdown" + Query(("by", by), ("from", Time(from)), ("to", Time(to))), Json.CostBreakdown, ct);

    /// <param name="filter">Query parameters of the usage list.</param>
    public Task<Page<UsageEntry>> ListUsageAsync(IEnumerable<(string Name, string? Value)>? filter = null, CancellationToken ct = default) =>
        GetAsync("/api/v1/admin/gateway/usage" + Query([.. (filter ?? []).Select(f => (f.Name, (object?)f.Value))]), Json.PageUsageEntry, ct);

    /// <param name="month"><c>YYYY-MM</c>; the present month when null.</param>
    public Task<Page<OrgBill>> GetBillingAsync(string? month = null, CancellationToken ct = default) => GetAsync("/api/v1/admin/gateway/billing" + Query(("month", month)), Json.PageOrgBill, ct);

    public Task<BudgetTree> GetBudgetsAsync(string org, CancellationToken ct = default) => GetAsync($"/gateway/admin/budgets/{Uri.EscapeDataString(org)}", Json.BudgetTree, ct);

    /// <param name="node"><c>org</c>, <c>team:ID</c> or <c>key:ID</c>.</param>
    /// <param name="limits">Fields that are not named stay.</param>
    public Task<BudgetTree> SetNodeLimitsAsync(string org, string node, JsonObject limits, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Put, $"/gateway/admin/budgets/{Uri.EscapeDataString(org)}/nodes/{Uri.EscapeDataString(node)}", Content(limits.ToJsonString()), Json.BudgetTree, ct);

    public Task<ResetDailyResult> ResetDailyAsync(string org, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, "/gateway/admin/costs/reset-daily", new ResetDaily { OrgId = org }, Json.ResetDaily, Json.ResetDailyResult, ct);

    /// <returns>The runner with its token, this once.</returns>
    public Task<Runner> CreateRunnerAsync(RunnerCreate runner, CancellationToken ct = default) => SendAsync(HttpMethod.Post, "/gateway/admin/runners", runner, Json.RunnerCreate, Json.Runner, ct);

    public Task<Page<Runner>> ListRunnersAsync(int? limit = null, string? cursor = null, CancellationToken ct = default) => GetAsync("/gateway/admin/runners" + Query(("limit", limit), ("cursor", cursor)), Json.PageRunner, ct);

    /// <param name="since">The beginning of the month when null.</param>
    public Task<Page<RunnerCosts>> GetRunnerCostsAsync(DateTimeOffset? since = null, CancellationToken ct = default) => GetAsync("/gateway/admin/runners/costs" + Query(("since", Time(since))), Json.PageRunnerCosts, ct);

    /// <param name="patch">RFC 7396.</param>
    public Task<Runner> ConfigureRunnerAsync(string runner, JsonObject patch, CancellationToken ct = default) => PatchAsync($"/gateway/admin/runners/{Uri.EscapeDataString(runner)}/config", patch, Json.Runner, ct);

    public Task<StoppedSession> StopSessionAsync(string runner, string session, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, $"/gateway/admin/runners/{Uri.EscapeDataString(runner)}/sessions/{Uri.EscapeDataString(session)}/stop", content: null, Json.StoppedSession, ct);

    /// <param name="status">Only those that stand so; null for all.</param>
    public Task<Page<Approval>> ListApprovalsAsync(string? status = null, int? limit = null, string? cursor = null, CancellationToken ct = default) =>
        GetAsync("/gateway/admin/approvals" + Query(("status", status), ("limit", limit), ("cursor", cursor)), Json.PageApproval, ct);

    public Task<Approval> ApproveAsync(string approval, CancellationToken ct = default) => SendAsync(HttpMethod.Post, $"/gateway/admin/approvals/{Uri.EscapeDataString(approval)}/approve", content: null, Json.Approval, ct);

    public Task<Approval> RejectAsync(string approval, string? reason = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, $"/gateway/admin/approvals/{Uri.EscapeDataString(approval)}/reject", new ApprovalReject { Reason = reason }, Json.ApprovalReject, Json.Approval, ct);

    public Task<AuditVerification> VerifyAuditAsync(CancellationToken ct = default) => GetAsync("/gateway/admin/audit/verify", Json.AuditVerification, ct);

    /// <returns>The entry that taking it back made.</returns>
    public Task<AuditRecord> RevertAuditAsync(long auditId, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, string.Create(CultureInfo.InvariantCulture, $"/gateway/admin/audit/{auditId}/revert"), content: null, Json.AuditRecord, ct);

    public Task<CostsToday> GetCostsTodayAsync(CancellationToken ct = default) => GetAsync("/gateway/admin/costs/today", Json.CostsToday, ct);

    /// <param name="org">All orgs when null.</param>
    /// <param name="date">Today when null.</param>
    public Task<Page<ReconcileResult>> ReconcileAsync(string? org = null, DateOnly? date = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, "/gateway/admin/costs/reconcile", new ReconcileRequest { OrgId = org, Date = date }, Json.ReconcileRequest, Json.PageReconcileResult, ct);

    public Task<ReconcileResult> ReconcileBudgetsAsync(string org, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, $"/gateway/admin/budgets/{Uri.EscapeDataString(org)}/reconcile", content: null, Json.ReconcileResult, ct);

    public Task<ReplayResult> ReplayDlqAsync(CancellationToken ct = default) => SendAsync(HttpMethod.Post, "/gateway/admin/costs/replay-dlq", content: null, Json.ReplayResult, ct);

    public Task<Page<ErrorGroup>> ListErrorsAsync(string? source = null, DateTimeOffset? since = null, CancellationToken ct = default) =>
        GetAsync("/gateway/admin/errors" + Query(("source", source), ("since", Time(since))), Json.PageErrorGroup, ct);

    public Task<GatewayMetrics> GetMetricsAsync(CancellationToken ct = default) => GetAsync("/gateway/admin/metrics", Json.GatewayMetrics, ct);

    /// <summary>How the gateway is, also where it is unhealthy.</summary>
    public Task<GatewayHealth> GetHealthAsync(CancellationToken ct = default) =>
        SendAsync(HttpMethod.Get, "/health", content: null, Json.GatewayHealth, HttpStatusCode.ServiceUnavailable, ct);

    public Task<LatencyReport> GetLatencyAsync(CancellationToken ct = default) => GetAsync("/gateway/admin/latency", Json.LatencyReport, ct);

    public Task<Page<AuditRecord>> ListAuditAsync(int? limit = null, string? cursor = null, string? action = null, string? targetId = null, CancellationToken ct = default) =>
        GetAsync("/gateway/admin/audit" + Query(("limit", limit), ("cursor", cursor), ("action", action), ("target_id", targetId)), Json.PageAuditRecord, ct);

    /// <returns>The token with its secret, this once.</returns>
    public Task<AdminToken> CreateTokenAsync(AdminTokenCreate request, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, "/api/v1/admin/tokens", request, Json.AdminTokenCreate, Json.AdminToken, ct);

    public Task<Page<AdminToken>> ListTokensAsync(CancellationToken ct = default) => GetAsync("/api/v1/admin/tokens", Json.PageAdminToken, ct);

    public Task<AdminToken> RevokeTokenAsync(string tokenId, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Delete, $"/api/v1/admin/tokens/{Uri.EscapeDataString(tokenId)}", content: null, Json.AdminToken, ct);

    /// <param name="types">Kinds of events joined by commas; null for all.</param>
    public Task<Page<Alert>> ListAlertsAsync(string? types = null, DateTimeOffset? since = null, int? limit = null, string? cursor = null, CancellationToken ct = default) =>
        GetAsync("/gateway/admin/alerts" + Query(("type", types), ("since", Time(since)), ("limit", limit), ("cursor", cursor)), Json.PageAlert, ct);

    public Task<Page<RefusedSource>> ListRefusedAccessAsync(DateTimeOffset? since = null, int? limit = null, CancellationToken ct = default) =>
        GetAsync("/gateway/admin/access/refused" + Query(("since", Time(since)), ("limit", limit)), Json.PageRefusedSource, ct);

    /// <returns>The webhook with its secret, this once.</returns>
    public Task<Webhook> CreateWebhookAsync(WebhookCreate webhook, CancellationToken ct = default) => SendAsync(HttpMethod.Post, WebhookPath(), webhook, Json.WebhookCreate, Json.Webhook, ct);

    /// <param name="platform">Only those of no org, which are told of every org's events; for platform admins.</param>
    public Task<Page<Webhook>> ListWebhooksAsync(int? limit = null, string? cursor = null, bool platform = false, CancellationToken ct = default) =>
        GetAsync(WebhookPath() + Query(("limit", limit), ("cursor", cursor), ("platform", platform ? "true" : null)), Json.PageWebhook, ct);

    public Task<Webhook> GetWebhookAsync(string webhook, CancellationToken ct = default) => GetAsync(WebhookPath(webhook), Json.Webhook, ct);

    /// <param name="patch">RFC 7396.</param>
    public Task<Webhook> PatchWebhookAsync(string webhook, JsonObject patch, CancellationToken ct = default) => PatchAsync(WebhookPath(webhook), patch, Json.Webhook, ct);

    public Task<WebhookRemoved> DeleteWebhookAsync(string webhook, CancellationToken ct = default) => SendAsync(HttpMethod.Delete, WebhookPath(webhook), content: null, Json.WebhookRemoved, ct);

    /// <returns>The webhook with its new secret, this once.</returns>
    public Task<Webhook> RotateWebhookAsync(string webhook, int? graceSeconds = null, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, WebhookPath(webhook) + "/rotate", new WebhookRotate { GraceSeconds = graceSeconds }, Json.WebhookRotate, Json.Webhook, ct);

    /// <summary>Sends a message of the kind <c>webhook_test</c> and waits for its first attempt.</summary>
    public Task<WebhookDelivery> TestWebhookAsync(string webhook, CancellationToken ct = default) => SendAsync(HttpMethod.Post, WebhookPath(webhook) + "/test", content: null, Json.WebhookDelivery, ct);

    public Task<Page<WebhookDelivery>> ListDeliveriesAsync(string webhook, int? limit = null, string? cursor = null, CancellationToken ct = default) =>
        GetAsync(WebhookPath(webhook) + "/deliveries" + Query(("limit", limit), ("cursor", cursor)), Json.PageWebhookDelivery, ct);

    /// <summary>Sends a message again, as a delivery of its own.</summary>
    public Task<WebhookDelivery> ReplayDeliveryAsync(string webhook, string delivery, CancellationToken ct = default) =>
        SendAsync(HttpMethod.Post, $"{WebhookPath(webhook)}/deliveries/{Uri.EscapeDataString(delivery)}/replay", content: null, Json.WebhookDelivery, ct);

    /// <summary>The body of an answer of any size, as it comes; the caller disposes of it.</summary>
    /// <param name="query">Parameters; those that are null are left out.</param>
    public async Task<Stream> DownloadAsync(string path, IEnumerable<KeyValuePair<string, string?>> query, CancellationToken ct = default)
    {
        using var request = Request(HttpMethod.Get, path + Query([.. query.Select(static q => (q.Key, (object?)q.Value))]));
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
        {
            return await response.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
        }
        using (response)
        {
            throw new AdminRefusedException((int)response.StatusCode, await ErrorAsync(response, ct).ConfigureAwait(false));
        }
    }

    static string WebhookPath(string? webhook = null) => "/api/v1/admin/webhooks" + (webhook is null ? "" : "/" + Uri.EscapeDataString(webhook));

    static string KeyPath(string key) => $"/api/v1/admin/keys/{Uri.EscapeDataString(key)}";

    static string? Time(DateTimeOffset? at) => at is { } value ? Rfc3339Converter.Format(value) : null;

    static string Query(params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        var query = "";
        foreach (var (name, value) in parameters)
        {
            if (value is not null)
            {
                query += $"{(query.Length == 0 ? '?' : '&')}{name}={Uri.EscapeDataString(Convert.ToString(value, CultureInfo.InvariantCulture)!)}";
            }
        }
        return query;
    }

    static StringContent Content(string json) => new(json, System.Text.Encoding.UTF8, "application/json");

    Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken ct) => SendAsync(HttpMethod.Get, path, content: null, type, ct);

    Task<T> PatchAsync<T>(string path, JsonObject patch, JsonTypeInfo<T> type, CancellationToken ct) => SendAsync(HttpMethod.Patch, path, Content(patch.ToJsonString()), type, ct);

    Task<TAnswer> SendAsync<TBody, TAnswer>(HttpMethod method, string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> answerType, CancellationToken ct) =>
        SendAsync(method, path, JsonContent.Create(body, bodyType), answerType, ct);

    Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? content, JsonTypeInfo<T> type, CancellationToken ct) => SendAsync(method, path, content, type, alsoAnswer: null, ct);

    async Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? content, JsonTypeInfo<T> type, HttpStatusCode? alsoAnswer, CancellationToken ct)
    {
        using var request = Request(method, path);
        request.Content = content;
        using var response = await http.SendAsync(request, ct).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode && response.StatusCode != alsoAnswer)
        {
            throw new AdminRefusedException((int)response.StatusCode, await ErrorAsync(response, ct).ConfigureAwait(false));
        }
        return await response.Content.ReadFromJsonAsync(type, ct).ConfigureAwait(false) ?? throw new JsonException($"The gateway answered {path} with null.");
    }

    HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (orgId is not null)
        {
            request.Headers.Add("X-Org-ID", orgId);
        }
        return request;
    }

    static async Task<ErrorBody> ErrorAsync(HttpResponseMessage response, CancellationToken ct)
    {
        try
        {
            if (await response.Content.ReadFromJsonAsync(Json.ErrorAnswer, ct).ConfigureAwait(false) is { Error: { } error })
            {
                return error;
            }
        }
        catch (JsonException)
        {
            // Something between here and the gateway answered in a language of its own; the status is all there is.
        }
        return new ErrorBody { Message = $"The gateway answered {(int)response.StatusCode}.", Type = "unknown", Code = "unknown", GatewayErrorCode = "" };
    }
}
