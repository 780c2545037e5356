using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Speech from text, billed by the character or by tokens. The answer is sound, which passes as it comes.</summary>
sealed class SpeechDialect : OpenAiDialect
{
    // More than a second of sound for each character: numbers, signs and slow voices included.
    const int SoundTokensPerCharacter = 25;

    static readonly FieldNames Fields = new("model", "input", "instructions", "stream_format");

    public override string Endpoint => "audio.speech";
    public override bool HasCap => false;
    protected override string Operation => "/audio/speech";

    public override StreamForm FormOf(RequestFacts facts, HttpResponseMessage answer)
    {
        var form = base.FormOf(facts, answer);
        return form == StreamForm.Whole && MediaTypeOf(answer).StartsWith("audio/", StringComparison.OrdinalIgnoreCase) ? StreamForm.Bytes : form;
    }

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request)
    {
        string? model = null;
        ByteSpan token = default;
        var characters = -1;
        try
        {
            var json = new RequestJson(body, "\"model\", \"voice\" and \"input\"");
            var seen = 0UL;
            while (json.Next(Fields, ref seen, out var field))
            {
                if (field == 0)
                {
                    token = json.Token;
                    model = json.Model();
                }
                else if (field == 1)
                {
                    json.Expect(JsonTokenType.String, "input", "a string");
                    characters = json.Reader.GetString()!.EnumerateRunes().Count();
                }
                else
                {
                    json.Skip();
                }
            }
            json.Close();
        }
        catch (JsonException e)
        {
            throw RequestJson.Broken(e);
        }
        if (characters < 0)
        {
            throw RequestJson.Missing("input", "Send the text to be spoken as \"input\".");
        }
        var facts = new SpeechFacts
        {
            ByDeployment = Deployment(request) is not null,
            Model = Deployment(request) ?? model ?? throw RequestJson.Missing("model", "Name the model, e.g. \"tts-1\"."),
            ModelToken = token,
            OutputCap = 0,
            Characters = characters,
            SoundTokens = (long)characters * SoundTokensPerCharacter,
        };
        facts.Input[BilledUnit.InputToken] = body.Length;
        return facts;
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price)
    {
        if (!price.IsPriced(BilledUnit.Character))
        {
            return new SpeechMeter();
        }
        var usage = default(UsageCounts);
        usage[BilledUnit.Character] = ((SpeechFacts)facts).Characters;
        return new FixedMeter(usage);
    }

    /// <summary>Facts of a request for speech.</summary>
    sealed class SpeechFacts : RequestFacts
    {
        // What plain speech comes to; only an estimate, where the provider tells nothing beside the sound.
        const int UsualTokensPerTenCharacters = 14;

        public int Characters { get; init; }
        public long SoundTokens { get; init; }

        public override void AddBounds(ModelPrice price, ref UsageCounts usage)
        {
            usage[BilledUnit.Character] = Characters;
            usage[BilledUnit.AudioOutputToken] = price.IsPriced(BilledUnit.Character) ? 0 : SoundTokens;
        }

        public override void AddEstimates(ModelPrice price, ref UsageCounts usage)
        {
            usage[BilledUnit.Character] = Characters;
            usage[BilledUnit.AudioOutputToken] = price.IsPriced(BilledUnit.Character) ? 0 : ((long)Characters * UsualTokensPerTenCharacters / 10) + 1;
        }
    }

    /// <summary>Usage of streamed speech; plain sound tells none.</summary>
    sealed class SpeechMeter : UsageMeter
    {
        readonly ChatMeter inner = new(hideUsageEvent: false, reasoningBeside: false);

        public override void ReadPlain(ReadOnlySpan<byte> body)
        {
        }

        public override bool ReadEvent(ReadOnlySpan<byte> data)
        {
            inner.ReadEvent(data);
            if (inner.Reading.Known && UsageCounts.IsValid(inner.Reading.Usage.CompletionTokens))
            {
                Reading = inner.Reading;
                Reading.Usage[BilledUnit.AudioOutputToken] = inner.Reading.Usage.CompletionTokens;
                Reading.Usage[BilledUnit.OutputToken] = 0;
                Reading.OutputBytes = 0;
                Reading.Final = true;
            }
            return true;
        }
    }
}
