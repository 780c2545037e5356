namespace CurateMe.Gateway.Proxy;

/// <summary>Every refusal of the data plane: its HTTP status, the fixed codes of the contract, and the type an OpenAI client sees.</summary>
sealed record ErrorCode(int Status, string Code, string GatewayCode, string Type)
{
    const string Permission = "permission_error";
    const string BadRequest = "invalid_request_error";
    const string Server = "server_error";

    public static readonly ErrorCode InvalidApiKey = new(401, "invalid_api_key", "GW_AUTH_001", "authentication_error");
    public static readonly ErrorCode KeyDisabled = new(401, "key_disabled", "GW_AUTH_002", "authentication_error");
    public static readonly ErrorCode KeyRotated = new(401, "key_rotated", "GW_AUTH_003", "authentication_error");
    public static readonly ErrorCode KeyExpired = new(401, "key_expired", "GW_AUTH_005", "authentication_error");
    public static readonly ErrorCode IpNotAllowed = new(403, "ip_not_allowed", "GW_AUTH_004", Permission);

    public static readonly ErrorCode CostPerRequest = new(403, "cost_per_request", "GW_COST_001", Permission);
    public static readonly ErrorCode DailyBudget = new(403, "daily_budget", "GW_COST_002", Permission);
    public static readonly ErrorCode MonthlyBudget = new(403, "monthly_budget", "GW_COST_003", Permission);
    public static readonly ErrorCode TeamDailyBudget = new(403, "team_daily_budget", "GW_COST_004", Permission);
    public static readonly ErrorCode TeamMonthlyBudget = new(403, "team_monthly_budget", "GW_COST_004", Permission);
    public static readonly ErrorCode KeyDailyBudget = new(403, "key_daily_budget", "GW_COST_004", Permission);
    public static readonly ErrorCode KeyMonthlyBudget = new(403, "key_monthly_budget", "GW_COST_004", Permission);
    public static readonly ErrorCode SessionBudget = new(403, "session_budget", "GW_COST_005", Permission);
    public static readonly ErrorCode SessionStopped = new(403, "session_stopped", "GW_COST_007", Permission);
    public static readonly ErrorCode ApprovalRejected = new(403, "approval_rejected", "GW_APPROVAL_001", Permission);
    public static readonly ErrorCode ApprovalInvalid = new(403, "approval_token_invalid", "GW_APPROVAL_002", Permission);
    public static readonly ErrorCode ModelNotPriced = new(403, "model_not_priced", "GW_COST_006", Permission);
    public static readonly ErrorCode ReasoningTokens = new(403, "reasoning_tokens", "GW_MODEL_002", Permission);
    public static readonly ErrorCode ModelNotAllowed = new(403, "model_not_allowed", "GW_MODEL_001", Permission);

    public static readonly ErrorCode InvalidJson = new(400, "invalid_json", "GW_REQ_001", BadRequest);
    public static readonly ErrorCode MissingField = new(400, "missing_field", "GW_REQ_002", BadRequest);
    public static readonly ErrorCode InvalidField = new(400, "invalid_field", "GW_REQ_003", BadRequest);
    public static readonly ErrorCode BodyTooLarge = new(413, "body_too_large", "GW_REQ_004", BadRequest);
    public static readonly ErrorCode UnsupportedMediaType = new(415, "unsupported_media_type", "GW_REQ_005", BadRequest);
    public static readonly ErrorCode InvalidHeader = new(400, "invalid_header", "GW_REQ_006", BadRequest);
    public static readonly ErrorCode NotFound = new(404, "not_found_error", "GW_REQ_007", "not_found_error");
    public static readonly ErrorCode MethodNotAllowed = new(405, "method_not_allowed", "GW_REQ_008", BadRequest);
    public static readonly ErrorCode IdempotencyKeyReused = new(422, "idempotency_key_reused", "GW_REQ_010", BadRequest);
    public static readonly ErrorCode IdempotencyInProgress = new(409, "idempotency_in_progress", "GW_REQ_011", BadRequest);
    public static readonly ErrorCode IdempotencyAnswerGone = new(409, "idempotency_answer_not_kept", "GW_REQ_012", BadRequest);
    public static readonly ErrorCode IdempotencyKeysUsedUp = new(429, "idempotency_keys_used_up", "GW_REQ_013", "rate_limit_error");

    public static readonly ErrorCode RateLimited = new(429, "rate_limited", "GW_RATE_001", "rate_limit_error");

    public static readonly ErrorCode UpstreamError = new(502, "upstream_error", "GW_UP_001", Server);
    public static readonly ErrorCode CircuitOpen = new(503, "circuit_open", "GW_UP_002", Server);
    public static readonly ErrorCode UpstreamTimeout = new(504, "upstream_timeout", "GW_UP_003", Server);
    public static readonly ErrorCode ProviderKeyMissing = new(503, "provider_key_missing", "GW_UP_004", Server);

    public static readonly ErrorCode CostRecorder = new(503, "cost_recorder_error", "GW_STORE_001", Server);
    public static readonly ErrorCode BudgetStore = new(503, "budget_store_unavailable", "GW_STORE_002", Server);
    public static readonly ErrorCode ConfigurationStore = new(503, "store_unavailable", "GW_STORE_003", Server);
    public static readonly ErrorCode IdempotencyStore = new(503, "idempotency_store_unavailable", "GW_STORE_004", Server);
    public static readonly ErrorCode ResponseStore = new(503, "response_store_unavailable", "GW_STORE_005", Server);
    public static readonly ErrorCode Internal = new(500, "internal_error", "GW_INT_001", Server);

    /// <summary>Whether an SDK must not try again by itself: nothing it can do makes the same request pass.</summary>
    public bool Final => Status is >= 400 and < 500 and not 429 && this != IdempotencyInProgress;
}

/// <summary>A request is refused, or its provider failed; nothing stays held.</summary>
/// <param name="code">Which refusal.</param>
/// <param name="message">What is wrong, with the figures; never content or secrets of ours. It may have a provider's words: for the caller only, never for logs.</param>
/// <param name="remediation">What the caller or operator can do.</param>
/// <param name="param">The field at fault, if one is.</param>
sealed class RefusedException(ErrorCode code, string message, string? remediation = null, string? param = null) : Exception(message)
{
    public ErrorCode Code { get; } = code;
    public string? Remediation { get; } = remediation;
    public string? Param { get; } = param;

    /// <summary>For 429: when one more request fits.</summary>
    public int RetryAfterMs { get; init; }

    /// <summary>Headers of the provider's answer that the caller gets with the refusal.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> FromProvider { get; init; } = [];
}
