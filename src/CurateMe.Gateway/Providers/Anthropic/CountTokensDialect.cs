using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Anthropic;

/// <summary>Counting the tokens of a messages request, which nobody bills.</summary>
sealed class CountTokensDialect : Dialect
{
    public override string Endpoint => "messages.count_tokens";
    public override ErrorShape Errors => ErrorShape.Anthropic;
    public override DialectKind Kind => DialectKind.Anthropic;
    public override bool Free => true;
    public override bool HasCap => false;

    public override string UpstreamPath(ProviderRow row, RequestFacts facts, string model, HttpRequest request) => "/messages/count_tokens" + MessagesDialect.BetaQuery(request);

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request) => new MessagesRequestReader(body).Read();

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) => throw new NotSupportedException("Nothing of a free answer is metered.");
}
