using System.Collections.Immutable;
using System.Text.Json;

namespace CurateMe.Ledger.Pricing;

/// <summary>Reads one price file. Every fault is noted with its place, and reading goes on, so that a person mends a file once.</summary>
static class PriceFile
{
    internal const int MaxBytes = 16 * 1024 * 1024;

    static readonly Dictionary<string, ModelMode> ModeNames = new(StringComparer.Ordinal)
    {
        ["chat"] = ModelMode.Chat,
        ["responses"] = ModelMode.Responses,
        ["embedding"] = ModelMode.Embedding,
        ["image"] = ModelMode.Image,
        ["audio_speech"] = ModelMode.AudioSpeech,
        ["audio_transcription"] = ModelMode.AudioTranscription,
        ["moderation"] = ModelMode.Moderation,
        ["completion"] = ModelMode.Completion,
    };

    static readonly string[] FileFields = ["provider", "source", "as_of", "note", "every_model", "models"];

    static readonly string[] RowFields =
    [
        "provider", "model", "aliases", "mode", "max_input_tokens", "max_output_tokens", "image_tokens_max", "generated_image_tokens_max", "generated_image_tokens", "reasons",
        "retires", "source", "as_of", "note", "prices", "tiers", "long_context",
    ];

    internal static string Modes => string.Join(", ", ModeNames.Keys);

    static readonly JsonDocumentOptions Options = new()
    {
        AllowDuplicateProperties = false,
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
    };

    internal static IReadOnlyList<PriceRow> Read(string file, Stream json, List<string> faults)
    {
        try
        {
            using var document = JsonDocument.Parse(ReadAll(json), Options);
            return Rows(new FaultPlace(file, faults), document.RootElement);
        }
        catch (JsonException fault)
        {
            var line = fault.LineNumber is { } number ? $"line {number + 1}: " : "";
            faults.Add($"{file}: {line}not JSON: {fault.Message}");
        }
        catch (InvalidDataException fault)
        {
            faults.Add($"{file}: {fault.Message}");
        }
        catch (IOException fault)
        {
            faults.Add($"{file}: cannot be read: {fault.Message}");
        }
        return [];
    }

    static byte[] ReadAll(Stream json)
    {
        using var copy = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = json.Read(buffer)) > 0;)
        {
            copy.Write(buffer, 0, read);
            if (copy.Length > MaxBytes) throw new InvalidDataException($"larger than {MaxBytes} bytes; split it by provider");
        }
        return copy.ToArray();
    }

    static List<PriceRow> Rows(FaultPlace place, JsonElement root)
    {
        var rows = new List<PriceRow>();
        var file = new PriceFileReader(place, root, FileFields);
        if (!file.IsObject) return rows;
        var defaults = new FileDefaults(file.Name("provider"), file.Text("source"), file.Date("as_of"), file.Prices("every_model"));
        if (!root.TryGetProperty("models", out var models) || models.ValueKind != JsonValueKind.Array)
        {
            place.Add("models is missing; write a list of rows");
            return rows;
        }
        var index = 0;
        foreach (var model in models.EnumerateArray())
        {
            if (Row(place.Under($"models[{index++}]"), model, defaults) is { } row) rows.Add(row);
        }
        return rows;
    }

    sealed record FileDefaults(string? Provider, string? Source, DateOnly? AsOf, PriceBlock? EveryModel);

    static PriceRow? Row(FaultPlace place, JsonElement element, FileDefaults defaults)
    {
        if (element.ValueKind == JsonValueKind.Object)
            place = place.Named(PriceFileReader.Peek(element, "provider") ?? defaults.Provider, PriceFileReader.Peek(element, "model"));
        var reader = new PriceFileReader(place, element, RowFields);
        if (!reader.IsObject) return null;
        var provider = reader.Name("provider") ?? defaults.Provider;
        var model = reader.Name("model");
        if (provider is null) place.Add("provider is missing; write it in the file's head or in the row");
        if (model is null && !element.TryGetProperty("model", out _)) place.Add("model is missing; write the name a caller sends");
        var row = new PriceRow
        {
            File = place.File,
            Provider = provider ?? "",
            Model = model ?? "",
            Aliases = reader.Names("aliases"),
            Mode = reader.OneOf("mode", ModeNames),
            MaxInputTokens = reader.Count("max_input_tokens", long.MaxValue),
            MaxOutputTokens = reader.Count("max_output_tokens", long.MaxValue),
            MaxTokensPerImage = (int?)reader.Count("image_tokens_max", int.MaxValue),
            MaxTokensPerGeneratedImage = (int?)reader.Count("generated_image_tokens_max", int.MaxValue),
            TokensPerGeneratedImage = PictureTokens.Read(reader),
            Reasons = reader.Flag("reasons"),
            Retires = reader.Date("retires"),
            Source = reader.Text("source") ?? defaults.Source,
            AsOf = reader.Date("as_of") ?? defaults.AsOf,
            Prices = PriceBlock.Amend(reader.Prices("prices"), defaults.EveryModel),
            Tiers = reader.Tiers("tiers"),
            LongContext = reader.LongContext("long_context"),
        };
        reader.Text("note");
        return provider is null || model is null ? null : row;
    }
}
