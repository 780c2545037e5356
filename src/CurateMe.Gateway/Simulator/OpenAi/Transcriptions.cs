using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /audio/transcriptions</c> and <c>/audio/translations</c>: multipart; billed by time (Whisper) or by tokens.</summary>
internal static class Transcriptions
{
    const int TokensPerSecond = 10;

    // 128 kbit/s, taken for every kind of file that does not tell its rate
    const int UsualBytesPerSecond = 16_000;

    sealed record Form(ReadOnlyMemory<byte> File, string Model, string Format, string Prompt, bool Stream);

    public static async Task Answer(SimulatedCall call)
    {
        var form = await Read(call);
        call.Model = form.Model;
        call.Card();
        var milliseconds = Milliseconds(form.File.Span);
        var seconds = (int)Math.Min((milliseconds + 999L) / 1000, int.MaxValue);
        var words = call.Behaviour.OutputTokens ?? Math.Max(1, seconds * 3);
        var text = Prose.Text(call.Seed, words);
        var byTime = form.Model.StartsWith("whisper", StringComparison.Ordinal);
        var audio = Math.Max(1, seconds * TokensPerSecond);
        var units = byTime
            ? new BillCounts { AudioMilliseconds = milliseconds }
            : new BillCounts { PromptTokens = audio + Tokens.Count(form.Prompt), AudioPromptTokens = audio, CompletionTokens = words };
        if (form.Stream && !byTime)
        {
            var buffer = new ArrayBufferWriter<byte>(1024);
            await call.StreamAsync(units, buffer, Events(call, units, text, buffer));
            return;
        }
        if (form.Format is "text" or "srt" or "vtt")
        {
            await call.AnswerAsync(units, Encoding.UTF8.GetBytes(Plain(form.Format, text)), "text/plain; charset=utf-8");
            return;
        }
        await call.AnswerAsync(units, Written.Object((call, units, form, text, seconds, milliseconds, byTime), static (json, state) =>
        {
            if (state.form.Format == "verbose_json")
                Verbose(json, state.text, state.milliseconds);
            json.WriteString("text", state.text);
            Usage(json, state.call.Behaviour.Usage, state.units, state.byTime ? state.seconds : null);
        }));
    }

    static void Verbose(Utf8JsonWriter json, string text, int milliseconds)
    {
        json.WriteString("task", "transcribe");
        json.WriteString("language", "english");
        json.WriteNumber("duration", milliseconds / 1000m);
        json.WriteStartArray("segments");
        json.WriteStartObject();
        json.WriteNumber("id", 0);
        json.WriteNumber("seek", 0);
        json.WriteNumber("start", 0m);
        json.WriteNumber("end", milliseconds / 1000m);
        json.WriteString("text", text);
        json.WriteStartArray("tokens");
        json.WriteEndArray();
        json.WriteNumber("temperature", 0m);
        json.WriteNumber("avg_logprob", -0.1m);
        json.WriteNumber("compression_ratio", 1.2m);
        json.WriteNumber("no_speech_prob", 0.01m);
        json.WriteEndObject();
        json.WriteEndArray();
    }

    static void Usage(Utf8JsonWriter json, UsageForm form, BillCounts units, int? seconds) => ReportedUsage.Write(json, "usage", form, (units, seconds), static (usage, state) =>
    {
        var (units, seconds) = state;
        usage.Json.WriteString("type", seconds is null ? "tokens" : "duration");
        if (seconds is { } time)
        {
            usage.Count("seconds", time);
            return;
        }
        usage.Count("input_tokens", units.PromptTokens);
        usage.Json.WriteStartObject("input_token_details");
        usage.Count("text_tokens", units.PromptTokens - units.AudioPromptTokens);
        usage.Count("audio_tokens", units.AudioPromptTokens);
        usage.Json.WriteEndObject();
        usage.Count("output_tokens", units.CompletionTokens);
        usage.Count("total_tokens", units.PromptTokens + units.CompletionTokens);
    });

    static IEnumerable<Beat> Events(SimulatedCall call, BillCounts units, string text, ArrayBufferWriter<byte> buffer)
    {
        foreach (var piece in Tokens.Split(text))
        {
            Written.Event(buffer, null, piece.Text, static (json, delta) =>
            {
                json.WriteString("type", "transcript.text.delta");
                json.WriteString("delta", delta);
            });
            yield return new Beat(piece.Tokens);
        }
        Written.Event(buffer, null, (call, units, text), static (json, state) =>
        {
            json.WriteString("type", "transcript.text.done");
            json.WriteString("text", state.text);
            Usage(json, state.call.Behaviour.Usage, state.units, seconds: null);
        });
        yield return new Beat(Finished: true);
    }

    static string Plain(string format, string text) => format switch
    {
        "srt" => $"1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n",
        "vtt" => $"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n",
        _ => text + "\n",
    };

    /// <summary>Length of a sound file: from its head when it is a WAV, else from its size.</summary>
    static int Milliseconds(ReadOnlySpan<byte> file)
    {
        long rate = file.Length >= 44 && file.StartsWith("RIFF"u8) ? BinaryPrimitives.ReadUInt32LittleEndian(file[28..]) : UsualBytesPerSecond;
        return (int)Math.Min(file.Length * 1000L / Math.Max(1, rate), int.MaxValue);
    }

    /// <summary>The parts of a form: texts by name, and files.</summary>
    public static async Task<(Dictionary<string, string> Fields, List<(string Name, ReadOnlyMemory<byte> Content)> Files)> ReadForm(SimulatedCall call)
    {
        if (!MediaTypeHeaderValue.TryParse(call.Context.Request.ContentType, out var type) || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 } boundary)
            throw new ProviderError(400, "The request must be multipart/form-data.");
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        List<(string Name, ReadOnlyMemory<byte> Content)> files = [];
        try
        {
            var reader = new MultipartReader(boundary, new MemoryStream(call.RawBody.ToArray()));
            while (await reader.ReadNextSectionAsync() is { } section)
            {
                if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition))
                    continue;
                using var content = new MemoryStream();
                await section.Body.CopyToAsync(content);
                var name = HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "";
                if (disposition.FileName.HasValue || name == "file")
                    files.Add((name, content.ToArray()));
                else
                    fields[name] = Encoding.UTF8.GetString(content.ToArray());
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new ProviderError(400, "Could not parse multipart form.");
        }
        return (fields, files);
    }

    static async Task<Form> Read(SimulatedCall call)
    {
        var (fields, files) = await ReadForm(call);
        return new Form(
            files.Find(static f => f.Name == "file") is { Name: not null } file ? file.Content : throw new ProviderError(400, "Missing required parameter: 'file'.", "file", "missing_required_parameter"),
            fields.GetValueOrDefault("model") ?? throw new ProviderError(400, "you must provide a model parameter"),
            fields.GetValueOrDefault("response_format") ?? "json",
            fields.GetValueOrDefault("prompt") ?? "",
            fields.GetValueOrDefault("stream") is "true" or "True" or "1");
    }
}
