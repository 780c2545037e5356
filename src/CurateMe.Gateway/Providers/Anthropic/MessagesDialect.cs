using System.Globalization;
using System.Text;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Anthropic;

/// <summary>Anthropic's messages.</summary>
sealed class MessagesDialect : Dialect
{
    /// <summary>Searches that a request may make when its caller sets no limit; sent as the tool's <c>max_uses</c>.</summary>
    public const int MaxSearches = 10;

    static readonly byte[] MaxUses = Encoding.UTF8.GetBytes($"\"max_uses\":{MaxSearches},");

    public override string Endpoint => "messages";
    public override ErrorShape Errors => ErrorShape.Anthropic;
    public override DialectKind Kind => DialectKind.Anthropic;
    public override bool HasCap => true;
    public override bool CapRequired => true;

    public override string UpstreamPath(ProviderRow row, RequestFacts facts, string model, HttpRequest request) => "/messages" + BetaQuery(request);

    /// <summary>The one query parameter that the official clients send.</summary>
    public static string BetaQuery(HttpRequest request) => request.Query["beta"] == "true" ? "?beta=true" : "";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request) => new MessagesRequestReader(body).Read();

    public override void Prepare(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, List<BodyPatch> patches)
    {
        foreach (var tool in ((MessagesFacts)facts).UnboundedSearches)
        {
            patches.Add(new BodyPatch(tool + 1, 0, MaxUses));
        }
    }

    public override BodyPatch Cap(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, long tokens)
    {
        var there = ((MessagesFacts)facts).MaxTokensToken;
        return there.Exists
            ? new BodyPatch(there.Start, there.Length, Encoding.ASCII.GetBytes(tokens.ToString(CultureInfo.InvariantCulture)))
            : new BodyPatch(body.IndexOf((byte)'{') + 1, 0, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\"max_tokens\":{tokens},")));
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) => new MessagesMeter();
}
