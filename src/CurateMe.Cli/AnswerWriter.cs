using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace CurateMe.Cli;

/// <summary>Standard output, and how answers are written to it: JSON, or tables with <c>--table</c>.</summary>
sealed class AnswerWriter(TextWriter inner) : TextWriter
{
    /// <summary>For people.</summary>
    public bool Table { get; set; }

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => inner.Write(value);

    public override void Write(string? value) => inner.Write(value);

    public override void Write(char[] buffer, int index, int count) => inner.Write(buffer, index, count);

    public override void Write(ReadOnlySpan<char> buffer) => inner.Write(buffer);

    public override Task WriteAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default) => inner.WriteAsync(buffer, cancellationToken);

    public override void WriteLine(string? value) => inner.WriteLine(value);

    public override void Flush() => inner.Flush();

    public override Task FlushAsync() => inner.FlushAsync();
}

/// <summary>An answer as a person reads it: a list as one row per entry, anything else as one line per field.</summary>
static class Tables
{
    /// <summary>Widest cell, in characters; what is longer ends in an ellipsis.</summary>
    const int MaxWidth = 60;

    public static string Of(JsonNode? answer)
    {
        if (answer is JsonObject { Count: > 0 } page && page["data"] is JsonArray list)
        {
            return list.Count == 0 ? "none\n" : Rows(list);
        }
        if (answer is not JsonObject fields)
        {
            return Cell(answer) + "\n";
        }
        List<(string Name, JsonNode? Value)> lines = [.. Fields(fields, "")];
        var width = lines.Max(static l => l.Name.Length);
        var text = new StringBuilder();
        foreach (var (name, value) in lines)
        {
            text.Append(name.PadRight(width + 2)).Append(IsBelow(value) ? $"{((JsonArray)value!).Count}, below" : Cell(value)).Append('\n');
        }
        foreach (var (name, inner) in lines.Where(static l => IsBelow(l.Value)))
        {
            text.Append('\n').Append(name).Append('\n').Append(Entries((JsonArray)inner!));
        }
        return text.ToString();
    }

    // What a line has no room for: rows, and texts of more than a cell.
    static bool IsBelow(JsonNode? value) => value is JsonArray { Count: > 0 } array && (array[0] is JsonObject || Joined(array).Length > MaxWidth);

    static string Entries(JsonArray list) => list[0] is JsonObject ? Rows(list) : string.Concat(list.Select(static text => $"{text}\n"));

    static string Joined(JsonArray texts) => string.Join(", ", texts.Select(static text => text?.ToString()));

    // The exact integers beside dollars are for programs.
    static bool IsShown(string name) => !name.EndsWith("_nano_usd", StringComparison.Ordinal);

    static IEnumerable<(string Name, JsonNode? Value)> Fields(JsonObject fields, string prefix)
    {
        foreach (var (name, value) in fields.Where(static f => IsShown(f.Key)))
        {
            if (value is JsonObject inner)
            {
                foreach (var field in Fields(inner, prefix + name + "."))
                {
                    yield return field;
                }
            }
            else
            {
                yield return (prefix + name, value);
            }
        }
    }

    static string Rows(JsonArray list)
    {
        var entries = list.Select(static e => e is JsonObject fields ? Fields(fields, "").ToDictionary(static f => f.Name, static f => Cell(f.Value), StringComparer.Ordinal) : new() { ["value"] = Cell(e) }).ToList();
        var columns = entries.SelectMany(static e => e.Keys).Distinct(StringComparer.Ordinal).ToList();
        // A column that is empty in every row says nothing.
        columns.RemoveAll(column => entries.TrueForAll(e => e.GetValueOrDefault(column, "") is "" or "-"));
        var widths = columns.ConvertAll(column => Math.Max(column.Length, entries.Max(e => e.GetValueOrDefault(column, "").Length)));
        var text = new StringBuilder();
        Line(columns);
        Line([.. widths.Select(static w => new string('-', w))]);
        entries.ForEach(e => Line(columns.ConvertAll(column => e.GetValueOrDefault(column, ""))));
        return text.ToString();

        void Line(List<string> cells)
        {
            for (var i = 0; i < cells.Count; i++)
            {
                // Figures to the right.
                var right = cells[i].Length > 0 && cells[i].All(static c => char.IsAsciiDigit(c) || c is '.' or '-');
                text.Append(right ? cells[i].PadLeft(widths[i]) : i == cells.Count - 1 ? cells[i] : cells[i].PadRight(widths[i])).Append(i == cells.Count - 1 ? "\n" : "  ");
            }
        }
    }

    static string Cell(JsonNode? value)
    {
        var text = value switch
        {
            null => "-",
            JsonArray { Count: > 0 } array when array[0] is JsonObject => array.Count.ToString(CultureInfo.InvariantCulture),
            JsonArray array => Joined(array),
            JsonObject => "…",
            _ => value.ToString(),
        };
        return text.Length > MaxWidth ? text[..(MaxWidth - 1)] + "…" : text;
    }
}
