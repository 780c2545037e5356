using System.Globalization;
using System.Text;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.Gemini;

/// <summary>Gemini's generateContent, whole or streamed as events or as a JSON array; the model and the verb stand in the path.</summary>
sealed class GenerateContentDialect : Dialect
{
    /// <summary>Route value of <c>{model}:{verb}</c>.</summary>
    public const string Target = "target";

    public override string Endpoint => "generate_content";
    public override ErrorShape Errors => ErrorShape.Gemini;
    public override DialectKind Kind => DialectKind.Gemini;
    public override bool HasCap => true;

    public override string UpstreamPath(ProviderRow row, RequestFacts facts, string model, HttpRequest request) =>
        $"/v1beta/models/{Uri.EscapeDataString(model)}:{(facts.Stream ? "streamGenerateContent" : "generateContent")}{(AsEvents(request) ? "?alt=sse" : "")}";

    /// <summary>The model and the verb of a path; the verb is empty when there is none.</summary>
    public static (string Model, string Verb) Split(HttpRequest request)
    {
        var target = request.RouteValues[Target] as string ?? "";
        var colon = target.LastIndexOf(':');
        return colon < 0 ? (target, "") : (target[..colon], target[(colon + 1)..]);
    }

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request)
    {
        var (model, verb) = Split(request);
        return new GenerateContentReader(body).Read(RequestJson.Checked(model), verb == "streamGenerateContent");
    }

    public override StreamForm FormOf(RequestFacts facts, HttpResponseMessage answer)
    {
        var form = base.FormOf(facts, answer);
        return form == StreamForm.Whole && facts.Stream ? StreamForm.JsonArray : form;
    }

    public override BodyPatch Cap(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, long tokens)
    {
        var there = (GenerateContentFacts)facts;
        var cap = tokens.ToString(CultureInfo.InvariantCulture);
        if (there.MaxOutputTokensToken is { Exists: true } said)
        {
            return new BodyPatch(said.Start, said.Length, Encoding.ASCII.GetBytes(cap));
        }
        if (there.ConfigToken is not { Exists: true } config)
        {
            return new BodyPatch(body.IndexOf((byte)'{') + 1, 0, Encoding.ASCII.GetBytes($"\"generationConfig\":{{\"maxOutputTokens\":{cap}}},"));
        }
        return body[config.Start] == (byte)'{'
            ? new BodyPatch(config.Start + 1, 0, Encoding.ASCII.GetBytes($"\"maxOutputTokens\":{cap}{(there.ConfigIsEmpty ? "" : ",")}"))
            : new BodyPatch(config.Start, config.Length, Encoding.ASCII.GetBytes($"{{\"maxOutputTokens\":{cap}}}"));
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) => new GenerateContentMeter(price.Model, facts.Choices);

    static bool AsEvents(HttpRequest request) => request.Query["alt"] == "sse";
}

/// <summary>Counting the tokens of a prompt, which nobody bills.</summary>
sealed class CountTokensDialect : Dialect
{
    public override string Endpoint => "count_tokens";
    public override ErrorShape Errors => ErrorShape.Gemini;
    public override DialectKind Kind => DialectKind.Gemini;
    public override bool Free => true;
    public override bool HasCap => false;

    public override string UpstreamPath(ProviderRow row, RequestFacts facts, string model, HttpRequest request) => $"/v1beta/models/{Uri.EscapeDataString(model)}:countTokens";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request) => new() { Model = RequestJson.Checked(GenerateContentDialect.Split(request).Model) };

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) => throw new NotSupportedException("Nothing of a free answer is metered.");
}
