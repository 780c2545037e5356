using System.Globalization;
using System.Text;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>OpenAI's responses: plain, streamed, or generated in the background.</summary>
sealed class ResponsesDialect : OpenAiDialect
{
    /// <summary>Least cap that the API takes.</summary>
    public const int LeastCap = 16;

    /// <summary>Calls of the provider's own tools when the caller sets no limit; sent as <c>max_tool_calls</c>.</summary>
    public const int MaxToolCalls = 10;

    public override string Endpoint => "responses";
    public override bool HasCap => true;
    protected override string Operation => "/responses";
    protected override bool OfDeployment => false;

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request) => new ResponsesRequestReader(body).Read();

    public override void Prepare(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, List<BodyPatch> patches)
    {
        var there = (ResponsesFacts)facts;
        if (there.UnboundedCalls)
        {
            patches.Add(Number(body, there.MaxToolCallsToken, "max_tool_calls", MaxToolCalls));
        }
    }

    public override BodyPatch Cap(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, long tokens) =>
        Number(body, ((ResponsesFacts)facts).MaxOutputTokensToken, "max_output_tokens", tokens);

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) => new ResponsesMeter(row.ReasoningBeside);

    static BodyPatch Number(ReadOnlySpan<byte> body, ByteSpan there, string name, long value)
    {
        var digits = value.ToString(CultureInfo.InvariantCulture);
        return there.Exists ? new BodyPatch(there.Start, there.Length, Encoding.ASCII.GetBytes(digits)) : Insert(body, $"\"{name}\":{digits}");
    }
}
