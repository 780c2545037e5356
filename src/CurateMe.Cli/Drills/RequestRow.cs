namespace CurateMe.Cli.Drills;

/// <summary>One request of the log of requests, as its CSV has it.</summary>
sealed record RequestRow(string RequestId, string KeyId, string KeyPrefix, string ClientIp, string Outcome, string Code)
{
    /// <summary>It can be looked up, and it is known where it came from.</summary>
    public bool Named => RequestId.StartsWith("gw_", StringComparison.Ordinal) && ClientIp.Length > 0;

    /// <param name="csv">With its line of names; none of its values here has a comma.</param>
    public static List<RequestRow> Read(string csv)
    {
        var rows = csv.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static r => r.Split(',')).ToList();
        string Of(string[] row, string name) => row[Array.IndexOf(rows[0], name)];
        return [.. rows.Skip(1).Select(r => new RequestRow(Of(r, "request_id"), Of(r, "key_id"), Of(r, "key_prefix"), Of(r, "client_ip"), Of(r, "outcome"), Of(r, "code")))];
    }
}
