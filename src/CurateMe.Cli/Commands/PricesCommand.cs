using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Cli.Commands;

/// <summary>What <c>prices check</c> prints.</summary>
sealed record PriceCheck(bool Ok, string? Version, int Providers, int Models, IReadOnlyList<string> Files, IReadOnlyList<string> Faults);

/// <summary>What <c>prices diff</c> prints: figures in dollars, by the fields of a price file.</summary>
sealed record PriceDifferences(string Source, string Version, IReadOnlyList<PriceDifference> Changes, IReadOnlyList<string> Notes);

sealed record PriceDifference(string Provider, string Model, string Kind, string Field, string? Before, string After);

/// <summary>What <c>prices update</c> prints.</summary>
sealed record PriceUpdate(string File, int Changes, string VersionBefore, string VersionAfter, string Load, IReadOnlyList<string> Notes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PriceCheck))]
[JsonSerializable(typeof(PriceDifferences))]
[JsonSerializable(typeof(PriceUpdate))]
sealed partial class PriceJson : JsonSerializerContext;

/// <summary>
/// <c>prices check | diff | update</c>: the price list of this program with the operator's files (<c>CM_PRICES</c>) over it. Nothing is asked of the gateway.
/// </summary>
static class PricesCommand
{
    const string StandardFile = "prices-catalogue.json";

    // Stands in the head of the files that update writes, so that it never overwrites one that a person wrote.
    const string Mark = "cm prices update";

    public static Command Create(Gateway gateway, TextWriter output, TextWriter errors, TimeProvider time)
    {
        var files = new Argument<string[]>("files") { Description = "Price files, in order; else those of CM_PRICES.", Arity = ArgumentArity.ZeroOrMore };
        var check = new Command("check", "Reads the built-in list and the operator's files as the gateway would. Exit code 1 when they have faults, 2 when one cannot be read.") { files };
        check.SetAction(parsed => Check(parsed.GetValue(files) is { Length: > 0 } named ? named : Own(gateway), output));

        var from = new Option<string>("--from") { Description = "A catalogue in the shape of models.dev's api.json: a file, or an http or https address.", Required = true };
        var providers = new Option<string[]>("--provider") { Description = "Only this provider; may be given several times.", AllowMultipleArgumentsPerToken = false };
        var to = new Option<string>("--to") { Description = "The file to write.", DefaultValueFactory = static _ => StandardFile };
        var diff = new Command("diff", "What the catalogue prices otherwise. Exit code 1 when there are differences.") { from, providers };
        diff.SetAction(async (parsed, ct) =>
        {
            var list = Load(Own(gateway));
            var found = await CompareAsync(gateway, list, parsed.GetValue(from)!, parsed.GetValue(providers), time, ct);
            CommandLine.Print(output, new PriceDifferences(parsed.GetValue(from)!, list.Version, [.. found.Changes.Select(View)], found.Notes), PriceJson.Default.PriceDifferences);
            return found.Changes.Count == 0 ? CommandLine.Fine : CommandLine.Problem;
        });
        var update = new Command("update", "Writes a price file that follows the catalogue, and says how to load it. Contracts' own files stay over it.") { from, providers, to };
        update.SetAction((parsed, ct) => UpdateAsync(gateway, parsed.GetValue(from)!, parsed.GetValue(providers), parsed.GetValue(to)!, output, errors, time, ct));
        return new Command("prices", "The price list.") { check, diff, update };
    }

    static int Check(IReadOnlyList<string> files, TextWriter output)
    {
        try
        {
            var list = PriceList.LoadFiles(files);
            CommandLine.Print(output, new PriceCheck(true, list.Version, list.Providers.Length, list.Providers.Sum(p => list.For(p).Count), files, []), PriceJson.Default.PriceCheck);
            return CommandLine.Fine;
        }
        catch (PriceListException e)
        {
            CommandLine.Print(output, new PriceCheck(false, null, 0, 0, files, e.Faults), PriceJson.Default.PriceCheck);
            return e.HasUnread ? CommandLine.CouldNotAsk : CommandLine.Problem;
        }
    }

    // The new file stands before the operator's own, whose prices (a contract's) go on winning.
    static async Task<int> UpdateAsync(
        Gateway gateway, string from, IReadOnlyCollection<string>? providers, string to, TextWriter output, TextWriter errors, TimeProvider time, CancellationToken ct)
    {
        var target = Path.GetFullPath(to);
        var own = Own(gateway).Select(Path.GetFullPath).ToList();
        var at = own.IndexOf(target);
        var before = at < 0 ? [] : own[..at];
        var after = at < 0 ? own : own[(at + 1)..];
        RequireOurs(target);
        var versionBefore = Load(own).Version;
        var found = await CompareAsync(gateway, Load(before), from, providers, time, ct);
        using var text = new MemoryStream();
        found.WriteFile(text, $"{Mark}: {from}");
        try
        {
            var list = PriceList.LoadOver([.. Open(before), (target, new MemoryStream(text.ToArray())), .. Open(after)]);
            var load = string.Join(Path.PathSeparator, [.. before, target, .. after]);
            WriteWhole(target, text.ToArray());
            CommandLine.Print(output, new PriceUpdate(target, found.Changes.Count, versionBefore, list.Version, $"CM_PRICES={load}", found.Notes), PriceJson.Default.PriceUpdate);
            await errors.WriteLineAsync($"Start the gateway with CM_PRICES={load}; its records then carry price_version {list.Version}.");
            return CommandLine.Fine;
        }
        catch (PriceListException e)
        {
            await errors.WriteLineAsync($"{e.Message}\nNothing was written.");
            return CommandLine.Problem;
        }
    }

    static async Task<PriceDiff> CompareAsync(Gateway gateway, PriceList list, string from, IReadOnlyCollection<string>? providers, TimeProvider time, CancellationToken ct)
    {
        RequireKnown(list, providers ?? []);
        try
        {
            await using var catalogue = Uri.TryCreate(from, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? await gateway.FetchAsync(address, ct) : File.OpenRead(from);
            return PriceDiff.Compare(list, catalogue, from, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), providers is { Count: > 0 } ? providers : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or JsonException)
        {
            throw new CannotAskException($"{from} cannot be read as a catalogue: {e.Message}");
        }
    }

    static void RequireKnown(PriceList list, IEnumerable<string> providers)
    {
        var unknown = providers.Except(list.Providers, StringComparer.Ordinal).ToList();
        if (unknown.Count > 0)
        {
            throw new CannotAskException($"The price list has no provider {string.Join(", ", unknown)}; it has {string.Join(", ", list.Providers)}.");
        }
    }

    static string[] Own(Gateway gateway) => gateway.Setting("CM_PRICES")?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];

    static PriceList Load(IReadOnlyList<string> files)
    {
        try
        {
            return PriceList.LoadFiles(files);
        }
        catch (PriceListException e)
        {
            throw new CannotAskException(e.Message);
        }
    }

    static List<(string Name, Stream Json)> Open(IReadOnlyList<string> files)
    {
        try
        {
            // Small files, read whole so that none stays open.
            return [.. files.Select(static file => (file, (Stream)new MemoryStream(File.ReadAllBytes(file))))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CannotAskException(e.Message);
        }
    }

    static void RequireOurs(string target)
    {
        if (!File.Exists(target))
        {
            return;
        }
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(target));
            if (json.RootElement.TryGetProperty("source", out var source) && source.GetString()!.StartsWith(Mark, StringComparison.Ordinal))
            {
                return;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Some other file.
        }
        throw new CannotAskException($"{target} was not written by this command; name another file with --to.");
    }

    // A gateway that starts meanwhile reads the old file or the new one.
    static void WriteWhole(string target, byte[] bytes)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            var beside = string.Create(CultureInfo.InvariantCulture, $"{target}.{Environment.ProcessId}.new");
            using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }
            File.Move(beside, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CannotAskException($"{target} cannot be written: {e.Message}");
        }
    }

    static PriceDifference View(PriceChange change) => new(change.Provider, change.Model, Word(change.Kind), change.Field, change.Before, change.After);

    static string Word(PriceChangeKind kind) => kind switch
    {
        PriceChangeKind.New => "new",
        PriceChangeKind.Dearer => "dearer",
        PriceChangeKind.Cheaper => "cheaper",
        _ => "limit",
    };
}
