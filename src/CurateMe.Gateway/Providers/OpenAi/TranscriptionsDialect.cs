using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Text from speech, a multipart form; billed by the second or by tokens. The length of the sound bounds both.</summary>
sealed class TranscriptionsDialect : OpenAiDialect
{
    public override string Endpoint => "audio.transcriptions";
    public override string? RequestType => "multipart/form-data";
    public override bool HasCap => false;
    protected override string Operation => "/audio/transcriptions";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request)
    {
        string? model = null;
        ByteSpan token = default;
        var file = default(ReadOnlySpan<byte>);
        var hasFile = false;
        var other = 0L;
        var stream = false;
        foreach (var part in new MultipartParts(body, MultipartParts.Delimiter(request)))
        {
            var content = body.Slice(part.Content.Start, part.Content.Length);
            switch (part.Name)
            {
                case "file" when !hasFile:
                    hasFile = true;
                    file = content;
                    break;
                case "model" when model is null:
                    model = RequestJson.Checked(Encoding.UTF8.GetString(content));
                    token = part.Content;
                    break;
                case "file" or "model":
                    throw new RefusedException(ErrorCode.InvalidField, $"The field \"{part.Name}\" is there twice.", "Send it once.", part.Name);
                case "stream":
                    stream = content.SequenceEqual("true"u8) || content.SequenceEqual("True"u8) || content.SequenceEqual("1"u8);
                    break;
                default:
                    other += content.Length + Normalization.Growth(content);
                    break;
            }
        }
        if (!hasFile)
        {
            throw RequestJson.Missing("file", "Send the sound as the part \"file\".");
        }
        var facts = new TranscriptionFacts
        {
            Model = Deployment(request) ?? model ?? throw RequestJson.Missing("model", "Name the model, e.g. \"whisper-1\"."),
            ByDeployment = Deployment(request) is not null,
            ModelToken = token,
            Stream = stream,
            Seconds = SoundLength.MostSeconds(file),
            UsualSeconds = SoundLength.UsualSeconds(file),
        };
        facts.Input[BilledUnit.InputToken] = other;
        return facts;
    }

    // A form without the part goes to a deployment, whose address names the model.
    public override BodyPatch? Model(ReadOnlySpan<byte> body, RequestFacts facts, string model) => !facts.ModelToken.Exists ? null : new BodyPatch(facts.ModelToken.Start, facts.ModelToken.Length, Encoding.UTF8.GetBytes(model));

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) => new TranscriptionMeter();

    /// <summary>Facts of a request for a transcription.</summary>
    sealed class TranscriptionFacts : RequestFacts
    {
        // Ten tokens a second as published; the rest is for the seconds that are rounded up.
        const int SoundTokensPerSecond = 10;

        public long Seconds { get; init; }
        public long UsualSeconds { get; init; }

        public override void AddBounds(ModelPrice price, ref UsageCounts usage) => Add(price, Seconds + 1, ref usage);

        public override void AddEstimates(ModelPrice price, ref UsageCounts usage) => Add(price, UsualSeconds, ref usage);

        static void Add(ModelPrice price, long seconds, ref UsageCounts usage)
        {
            if (price.IsPriced(BilledUnit.InputSecond))
            {
                usage[BilledUnit.InputSecond] = seconds;
            }
            else
            {
                usage[BilledUnit.AudioInputToken] = Math.Max(1, seconds * SoundTokensPerSecond);
            }
        }
    }

    /// <summary>Usage of a transcription: tokens, or seconds.</summary>
    sealed class TranscriptionMeter : UsageMeter
    {
        public override void ReadPlain(ReadOnlySpan<byte> body)
        {
            Reading.OutputBytes = body.Length;
            Read(body);
        }

        public override bool ReadEvent(ReadOnlySpan<byte> data)
        {
            // About what stands around the text of a delta.
            Reading.OutputBytes += Math.Max(1, data.Length - 50);
            if (data.IndexOf("\"usage\""u8) >= 0)
            {
                Read(data);
            }
            return true;
        }

        void Read(ReadOnlySpan<byte> text)
        {
            var json = AnswerJson.Open(text);
            try
            {
                if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
                {
                    return;
                }
                while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
                {
                    var isUsage = json.ValueTextEquals("usage"u8);
                    json.Read();
                    if (isUsage && json.TokenType == JsonTokenType.StartObject)
                    {
                        Take(ref json);
                    }
                    else
                    {
                        json.Skip();
                    }
                }
            }
            catch (JsonException)
            {
                // Text in another form than JSON: it passes to the client as it is, and says nothing of usage.
            }
        }

        void Take(ref Utf8JsonReader json)
        {
            var again = json;
            if (OpenAiUsage.TryRead(ref json, reasoningBeside: false, out var usage))
            {
                Reading.Usage = usage;
                Reading.Known = Reading.InputKnown = Reading.Final = true;
            }
            else if (Seconds(ref again) is { } seconds)
            {
                Reading.Usage = default;
                Reading.Usage[BilledUnit.InputSecond] = seconds;
                Reading.Known = Reading.InputKnown = Reading.Final = true;
            }
        }

        static long? Seconds(ref Utf8JsonReader json)
        {
            long? seconds = null;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var here = json.ValueTextEquals("seconds"u8);
                json.Read();
                if (here && json.TokenType == JsonTokenType.Number && json.TryGetDecimal(out var value) && value is >= 0 and < 100_000_000)
                {
                    seconds = (long)decimal.Ceiling(value);
                }
                json.Skip();
            }
            return seconds;
        }
    }
}

/// <summary>How long a sound file lasts at most, without decoding it.</summary>
static class SoundLength
{
    // Opus at six kilobits a second is the leanest that is in use.
    const int LeastBytesPerSecond = 750;
    const int UsualBytesPerSecond = 16_000;

    /// <summary>Exact for WAV, whose head tells its rate; else what the leanest codec could have put into so many bytes.</summary>
    public static long MostSeconds(ReadOnlySpan<byte> file) => Seconds(file.Length, WaveRate(file) ?? LeastBytesPerSecond);

    /// <summary>Likely length, for estimates.</summary>
    public static long UsualSeconds(ReadOnlySpan<byte> file) => Seconds(file.Length, WaveRate(file) ?? UsualBytesPerSecond);

    static long Seconds(long bytes, long rate) => (bytes + rate - 1) / rate;

    // The lower of the rate that is written and of the one that follows from the samples: the head may lie.
    static long? WaveRate(ReadOnlySpan<byte> file)
    {
        if (file.Length < 44 || !file.StartsWith("RIFF"u8) || !file[8..].StartsWith("WAVE"u8))
        {
            return null;
        }
        long written = BinaryPrimitives.ReadUInt32LittleEndian(file[28..]);
        var samples = (long)BinaryPrimitives.ReadUInt16LittleEndian(file[22..]) * BinaryPrimitives.ReadUInt32LittleEndian(file[24..]) * BinaryPrimitives.ReadUInt16LittleEndian(file[34..]) / 8;
        return Math.Max(LeastBytesPerSecond, samples > 0 ? Math.Min(written, samples) : written);
    }
}
