using System.CommandLine;
using System.Globalization;
using System.Text;

namespace CurateMe.Cli.Commands;

/// <summary><c>usage export</c>: usage records, or the request log, of a time window; streamed, of any size.</summary>
static class UsageCommand
{
    const int BufferSize = 1 << 16;

    public static Command Create(Gateway gateway, TextWriter output, TextWriter errors)
    {
        var format = new Option<string>("--format") { Description = "csv or json.", DefaultValueFactory = static _ => "csv" };
        format.AcceptOnlyFromAmong("csv", "json");
        var from = new Option<string?>("--from") { Description = "RFC 3339, or a UTC day; the beginning of the month when not given." };
        var to = new Option<string?>("--to") { Description = "RFC 3339, or a UTC day that is not included; now when not given." };
        var org = new Option<string?>("--org") { Description = "The org; else ORG_ID." };
        var key = new Option<string?>("--key") { Description = "Only this key's." };
        var requests = new Option<bool>("--requests") { Description = "The request log instead: refused requests too, with address and code." };
        var file = new Option<string?>("--output", "-o") { Description = "A file; else standard output." };
        var export = new Command("export", "Writes the records of a time window. Progress goes to standard error.") { format, from, to, org, key, requests, file };
        export.SetAction(async (parsed, ct) =>
        {
            if (output is AnswerWriter { Table: true })
            {
                throw new CannotAskException("usage export writes csv or json, of any size; leave --table out.");
            }
            var query = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["from"] = parsed.GetValue(from),
                ["to"] = parsed.GetValue(to),
                ["key_id"] = parsed.GetValue(key),
            };
            var json = parsed.GetValue(format) == "json";
            var log = parsed.GetValue(requests) || json;
            query["format"] = json ? "json" : "csv";
            if (log)
            {
                query["outcome"] = parsed.GetValue(requests) ? null : "forwarded";
            }
            else
            {
                query["from"] ??= MonthOf(parsed.GetValue(to), TimeProvider.System);
                query["sort"] = "time_asc";
            }
            await using var answer = await gateway.Admin(parsed.GetValue(org)).DownloadAsync(log ? "/api/v1/admin/gateway/requests" : "/api/v1/admin/gateway/usage", query, ct);
            if (parsed.GetValue(file) is not { } path)
            {
                await CopyAsync(answer, output, errors, ct);
                return CommandLine.Fine;
            }
            await using var target = new StreamWriter(path, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            await CopyAsync(answer, target, errors, ct);
            return CommandLine.Fine;
        });
        return new Command("usage", "What was used.") { export };
    }

    // The usage list itself begins with the first record.
    static string? MonthOf(string? to, TimeProvider time) =>
        to is null ? time.GetUtcNow().ToString("yyyy-MM-01", CultureInfo.InvariantCulture)
        : DateOnly.TryParseExact(to.AsSpan(0, Math.Min(10, to.Length)), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day.ToString("yyyy-MM-01", CultureInfo.InvariantCulture)
        : null;

    static async Task CopyAsync(Stream answer, TextWriter output, TextWriter errors, CancellationToken ct)
    {
        var progress = new Progress(errors, TimeProvider.System);
        var (buffer, rows, characters) = (new char[BufferSize], 0L, 0L);
        using var reader = new StreamReader(answer, Encoding.UTF8);
        while (await reader.ReadAsync(buffer, ct) is > 0 and var read)
        {
            await output.WriteAsync(buffer.AsMemory(0, read), ct);
            characters += read;
            rows += buffer.AsSpan(0, read).Count('\n');
            progress.Say($"{rows} lines, {characters / 1_000_000.0:0.0} MB");
        }
        await output.FlushAsync(ct);
        progress.End($"{rows} lines, {characters / 1_000_000.0:0.0} MB");
    }
}
