using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Operations that read an <c>input</c> and write nothing that is billed: embeddings and moderations.</summary>
/// <param name="path">Also names the operation, but for its slash.</param>
/// <param name="defaultModel">The provider's own choice when the caller names none, for moderations, which are free; null where one must be named.</param>
sealed class InputDialect(string path, string? defaultModel) : OpenAiDialect
{
    static readonly FieldNames Fields = new("model", "input");

    public override string Endpoint => path[1..];
    public override bool HasCap => false;
    protected override string Operation => path;

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request)
    {
        string? model = null;
        ByteSpan token = default;
        var hasInput = false;
        try
        {
            var json = new RequestJson(body, "\"model\" and \"input\"");
            var seen = 0UL;
            while (json.Next(Fields, ref seen, out var field))
            {
                if (field == 0)
                {
                    token = json.Token;
                    model = json.Model();
                }
                else
                {
                    hasInput |= field == 1;
                    json.Skip();
                }
            }
            json.Close();
        }
        catch (JsonException e)
        {
            throw RequestJson.Broken(e);
        }
        if (!hasInput)
        {
            throw RequestJson.Missing("input", "Send the text as \"input\".");
        }
        var facts = new RequestFacts
        {
            ByDeployment = Deployment(request) is not null,
            Model = Deployment(request) ?? model ?? defaultModel ?? throw RequestJson.Missing("model", "Name the model, e.g. \"text-embedding-3-small\"."),
            ModelToken = token,
            OutputCap = 0,
        };
        facts.Input[BilledUnit.InputToken] = body.Length;
        return facts;
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) =>
        defaultModel is not null ? new FixedMeter(default) : new ChatMeter(hideUsageEvent: false, row.ReasoningBeside);
}

/// <summary>For what is billed by the request alone: the answer need only be one.</summary>
sealed class FixedMeter : UsageMeter
{
    public FixedMeter(UsageCounts usage)
    {
        Reading.Usage = usage;
        Reading.Known = Reading.InputKnown = Reading.Final = true;
    }

    public override void ReadPlain(ReadOnlySpan<byte> body) => Reading.OutputBytes = body.Length;

    public override bool ReadEvent(ReadOnlySpan<byte> data) => true;
}
