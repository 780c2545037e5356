using System.Buffers;
using System.Globalization;
using CurateMe.Client;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Admin;

/// <summary>Writes CSV (RFC 4180) for spreadsheets; text that a spreadsheet would run as a formula gets an apostrophe in front.</summary>
sealed class Csv(HttpResponse response) : IAsyncDisposable
{
    static readonly SearchValues<char> Special = SearchValues.Create(",\"\r\n");

    readonly StreamWriter _writer = new(response.Body, leaveOpen: true) { NewLine = "\r\n" };

    /// <summary>Whether a caller asked for CSV, by <c>format</c> or else by <c>Accept</c>.</summary>
    public static bool IsWanted(string? format, HttpRequest request) => format switch
    {
        "csv" => true,
        "json" => false,
        null or "" => request.GetTypedHeaders().Accept.Any(a => a.MediaType.Equals("text/csv", StringComparison.OrdinalIgnoreCase)),
        _ => throw Refusal.InvalidField("format", "must be json or csv"),
    };

    /// <summary>Begins a CSV answer.</summary>
    public static Csv Begin(HttpResponse response, string fileName)
    {
        response.ContentType = "text/csv; charset=utf-8";
        response.Headers.ContentDisposition = $"attachment; filename=\"{fileName}\"";
        return new Csv(response);
    }

    public async Task WriteAsync(params object?[] fields)
    {
        for (var i = 0; i < fields.Length; i++)
        {
            await _writer.WriteAsync(i == 0 ? Field(fields[i]) : "," + Field(fields[i]));
        }
        await _writer.WriteLineAsync();
    }

    public Task FlushAsync() => _writer.FlushAsync();

    public ValueTask DisposeAsync() => _writer.DisposeAsync();

    static string Field(object? value) => value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        DateTimeOffset at => Rfc3339Converter.Format(at),
        DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => Text(value.ToString() ?? ""),
    };

    static string Text(string text)
    {
        if (text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..])
        {
            text = "'" + text;
        }
        return text.AsSpan().ContainsAny(Special) ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}

/// <summary>Usage records as CSV, page by page, so that any number of them takes the memory of one page.</summary>
sealed class UsageCsv(IUsageLedger ledger, UsageQuery query, int? most) : IResult
{
    static readonly string[] Columns =
    [
        "request_id", "ts", "org_id", "team_id", "key_id", "runner_id", "session_id", "provider", "model", "requested_model", "endpoint", "stream", "status", "status_code",
        "prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_creation_5m_tokens", "cache_creation_1h_tokens", "audio_input_tokens",
        "audio_output_tokens", "images", "hold_nano_usd", "cost_nano_usd", "cost_usd", "overage", "price_version", "service_tier", "usage_source", "latency_ms", "ttft_ms",
        "prompt_hash", "client_ip", "tags", "period_day", "period_month",
    ];

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var ct = httpContext.RequestAborted;
        var first = await ledger.QueryAsync(query, ct);
        await using var csv = Csv.Begin(httpContext.Response, $"usage-{query.OrgId}.csv");
        await csv.WriteAsync([.. Columns]);
        var left = most ?? long.MaxValue;
        for (var page = first; ; page = await ledger.QueryAsync(query with { Cursor = page.NextCursor }, ct))
        {
            foreach (var record in page.Records)
            {
                if (left-- == 0)
                {
                    return;
                }
                await csv.WriteAsync(Fields(UsageView.Of(record)));
            }
            await csv.FlushAsync();
            if (page.NextCursor is null)
            {
                return;
            }
        }
    }

    static object?[] Fields(UsageEntry e) =>
    [
        e.RequestId, e.Ts, e.OrgId, e.TeamId, e.KeyId, e.RunnerId, e.SessionId, e.Provider, e.Model, e.RequestedModel, e.Endpoint, e.Stream, e.Status, e.StatusCode,
        e.PromptTokens, e.CompletionTokens, e.ReasoningTokens, e.CacheReadTokens, e.CacheCreation5mTokens, e.CacheCreation1hTokens, e.AudioInputTokens,
        e.AudioOutputTokens, e.Images, e.HoldNanoUsd, e.CostNanoUsd, e.CostUsd, e.Overage, e.PriceVersion, e.ServiceTier, e.UsageSource, e.LatencyMs, e.TtftMs,
        e.PromptHash, e.ClientIp, string.Join(',', e.Tags.Select(t => $"{t.Key}={t.Value}")), e.PeriodDay, e.PeriodMonth,
    ];
}
