namespace CurateMe.Gateway.Admin;

/// <summary>An admin request that is answered with an error; thrown where the reason is found, written in one place.</summary>
sealed class Refusal(int status, string code, string gatewayErrorCode, string message, string? param = null, string? remediation = null) : Exception(message)
{
    public int Status { get; } = status;
    public string Code { get; } = code;
    public string GatewayErrorCode { get; } = gatewayErrorCode;
    public string? Param { get; } = param;
    public string? Remediation { get; } = remediation;

    /// <summary>The methods that the path has, for the header of that name; null leaves it out.</summary>
    public IReadOnlyList<string>? Allow { get; private init; }

    /// <summary>OpenAI's word for the kind of error.</summary>
    public string Type => Status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    public static Refusal InvalidJson(string message, string? param) => new(400, "invalid_json", "GW_REQ_001", message, param);

    public static Refusal MissingField(string param, string remediation) =>
        new(400, "missing_field", "GW_REQ_002", $"`{param}` is missing.", param, remediation);

    /// <param name="what">Goes on after the name of the field.</param>
    public static Refusal InvalidField(string param, string what) => new(400, "invalid_field", "GW_REQ_003", $"`{param}` {what}.", param);

    public static Refusal UnknownField(string param) =>
        new(400, "unknown_field", "GW_REQ_003", $"`{param}` is not a field of this request.", param, "Check the spelling; fields are never ignored here.");

    public static Refusal UnknownParameter(string name, IReadOnlyList<string> known, string? meant) => new(
        400, "unknown_parameter", "GW_REQ_003", $"`{name}` is not a parameter of this request.", name,
        (meant is null ? "" : $"Did you mean `{meant}`? ") + (known.Count == 0 ? "It takes none in its address." : $"It takes {string.Join(", ", known)}.")
            + (name == "org_id" ? $" Name the org in the header {AdminCall.OrgHeader}." : ""));

    public static Refusal MissingOrg() =>
        new(400, "missing_org", "GW_REQ_002", "This request concerns one org and names none.", "X-Org-ID", "Send the org's id in the header X-Org-ID.");

    public static Refusal NotFound(string what, string id) => new(404, "not_found_error", "GW_REQ_007", $"There is no {what} \"{id}\".");

    public static Refusal WrongMethod(string method, string path, IReadOnlyList<string> allowed) =>
        new(405, "method_not_allowed", "GW_REQ_008", $"{path} has no {method}.", param: null, $"Send {string.Join(" or ", allowed)}.") { Allow = allowed };

    public static Refusal Conflict(string message, string? param = null) => new(409, "conflict", "GW_REQ_009", message, param);

    public static Refusal Unauthorized(string message) =>
        new(401, "invalid_admin_token", "GW_AUTH_001", message, "Authorization", "Send Authorization: Bearer with the value of ADMIN_TOKEN or a token made at /api/v1/admin/tokens.");

    public static Refusal Forbidden(string message) => new(403, "forbidden", "GW_AUTH_006", message);

    public static Refusal StoreAway(string message) => new(503, "store_unavailable", "GW_STORE_003", message, remediation: "Nothing was changed; ask again when the store is back.");
}
