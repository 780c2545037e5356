using System.Buffers;
using System.Text;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /audio/speech</c>: billed by the character, or by tokens for the <c>gpt-…-tts</c> models.</summary>
internal static class Speech
{
    const int MaxCharacters = 4096;

    // Sound bytes for each character of text; enough to be cut at, small enough to be cheap
    const int BytesPerCharacter = 16;

    public static Task Answer(SimulatedCall call)
    {
        var body = call.Body;
        call.Model = body.Text("model") ?? throw new ProviderError(400, "you must provide a model parameter");
        call.Card();
        var input = body.Text("input") ?? throw new ProviderError(400, "Missing required parameter: 'input'.", "input", "missing_required_parameter");
        var characters = input.EnumerateRunes().Count();
        if (characters > MaxCharacters)
            throw new ProviderError(400, $"Invalid 'input': string too long. Expected a string with maximum length {MaxCharacters}, but got a string with length {characters} instead.", "input", "string_above_max_length");
        var byToken = call.Model.StartsWith("gpt-", StringComparison.Ordinal);
        // About 15 characters and 21 tokens of sound to a second
        var sound = (characters * 7 + 4) / 5;
        var units = byToken
            ? new BillCounts { PromptTokens = Tokens.Count(input) + body.Get("instructions").TokenCount(), CompletionTokens = sound, AudioCompletionTokens = sound }
            : new BillCounts { Characters = characters };
        if (body.Is("stream_format", "sse"u8))
        {
            var buffer = new ArrayBufferWriter<byte>(1024);
            return call.StreamAsync(units, buffer, Events(call, units, characters, buffer));
        }
        var audio = new byte[characters * BytesPerCharacter];
        new Random((int)call.Seed).NextBytes(audio);
        "ID3"u8.CopyTo(audio);
        return call.AnswerAsync(units, audio, body.Text("response_format") switch
        {
            "wav" => "audio/wav",
            "opus" => "audio/opus",
            "aac" => "audio/aac",
            "flac" => "audio/flac",
            "pcm" => "audio/pcm",
            _ => "audio/mpeg",
        });
    }

    static IEnumerable<Beat> Events(SimulatedCall call, BillCounts units, int characters, ArrayBufferWriter<byte> buffer)
    {
        const int Step = 16;
        for (var sent = 0; sent < characters; sent += Step)
        {
            Written.Event(buffer, null, 0, static (json, _) =>
            {
                json.WriteString("type", "speech.audio.delta");
                json.WriteBase64String("audio", new byte[Step * BytesPerCharacter]);
            });
            var tokens = Math.Min(Step, characters - sent) * units.CompletionTokens / characters;
            yield return new Beat(tokens, Audio: tokens);
        }
        Written.Event(buffer, null, (call, units), static (json, state) =>
        {
            json.WriteString("type", "speech.audio.done");
            ReportedUsage.Write(json, "usage", state.call.Behaviour.Usage, state.units, static (usage, units) =>
            {
                usage.Count("input_tokens", units.PromptTokens);
                usage.Count("output_tokens", units.CompletionTokens);
                usage.Count("total_tokens", units.PromptTokens + units.CompletionTokens);
            });
        });
        yield return new Beat(Finished: true);
    }
}
