using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CurateMe.Cli.Commands;
using CurateMe.Client;

namespace CurateMe.Cli;

/// <summary>All commands. Answers are JSON on stdout, everything else goes to stderr.</summary>
static class CommandLine
{
    /// <summary>Nothing is wrong.</summary>
    public const int Fine = 0;

    /// <summary>The gateway answered, and there is a problem.</summary>
    public const int Problem = 1;

    /// <summary>The gateway could not be asked.</summary>
    public const int CouldNotAsk = 2;

    public static async Task<int> RunAsync(string[] args, Gateway gateway, TextWriter standardOutput, TextWriter errors)
    {
        await using var output = new AnswerWriter(standardOutput);
        var table = new Option<bool>("--table") { Description = "Tables for people instead of JSON.", Recursive = true };
        var root = new RootCommand("Operates a CurateMe gateway: CM_URL says where (http://localhost:8002), ADMIN_TOKEN opens it.")
        {
            AnalyticsCommand.Create(gateway, output, errors),
            ErrorsCommand.Create(gateway, output),
            AuditCommand.Create(gateway, output),
            UsageCommand.Create(gateway, output, errors),
            DrillCommand.Create(gateway.Environment, output, errors),
            PricesCommand.Create(gateway, output, errors, TimeProvider.System),
            table,
        };
        var parsed = root.Parse(args);
        output.Table = parsed.GetValue(table);
        var configuration = new InvocationConfiguration { Output = output, Error = errors, EnableDefaultExceptionHandler = false };
        try
        {
            var code = await parsed.InvokeAsync(configuration);
            return parsed.Errors.Count > 0 ? CouldNotAsk : code;
        }
        catch (AdminRefusedException refused)
        {
            // Here no header is sent by hand.
            var remedy = refused.Error.Code == "missing_org" ? "Name it by --org or ORG_ID." : refused.Error.Remediation;
            await errors.WriteLineAsync($"{refused.Error.Message} {remedy}".Trim());
            return refused.Status is 401 or 403 or >= 500 ? CouldNotAsk : Problem;
        }
        catch (HttpRequestException failure)
        {
            await errors.WriteLineAsync($"No answer from {gateway.Address}: {failure.Message}");
            return CouldNotAsk;
        }
        catch (Exception failure) when (failure is CannotAskException or JsonException or TaskCanceledException or IOException or UnauthorizedAccessException)
        {
            await errors.WriteLineAsync(failure.Message);
            return CouldNotAsk;
        }
    }

    /// <summary>Prints an answer as indented JSON, or as a table where that was asked for.</summary>
    public static void Print<T>(TextWriter output, T answer, JsonTypeInfo<T> type) where T : class
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            JsonSerializer.Serialize(writer, answer, type);
        }
        var json = System.Text.Encoding.UTF8.GetString(buffer.ToArray());
        if (output is AnswerWriter { Table: true })
        {
            output.Write(Tables.Of(System.Text.Json.Nodes.JsonNode.Parse(json)));
            return;
        }
        output.WriteLine(json);
    }
}
