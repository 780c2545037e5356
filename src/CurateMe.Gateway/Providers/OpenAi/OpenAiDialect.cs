using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>What the operations of OpenAI and of those who speak like it have in common.</summary>
abstract class OpenAiDialect : Dialect
{
    /// <summary>The operation's path, with a leading slash.</summary>
    protected abstract string Operation { get; }

    /// <summary>Whether Azure serves it below a deployment.</summary>
    protected virtual bool OfDeployment => true;

    public sealed override string UpstreamPath(ProviderRow row, RequestFacts facts, string model, HttpRequest request) =>
        row.ApiVersion is null ? Operation
        : OfDeployment ? $"/deployments/{Uri.EscapeDataString(model)}{Operation}?api-version={row.ApiVersion}"
        : $"{Operation}?api-version={row.ApiVersion}";

    /// <summary>The model that the path names, as Azure's do; null elsewhere.</summary>
    protected static string? Deployment(HttpRequest request) => request.RouteValues["deployment"] is string name ? RequestJson.Checked(name, "deployment") : null;

    public override BodyPatch? Model(ReadOnlySpan<byte> body, RequestFacts facts, string model) =>
        !facts.ModelToken.Exists && facts.ByDeployment ? Insert(body, $"\"model\":{System.Text.Encoding.UTF8.GetString(JsonText.Quote(model))}") : base.Model(body, facts, model);

    /// <summary>A patch that adds a member at the start of the body's object.</summary>
    protected static BodyPatch Insert(ReadOnlySpan<byte> body, string member) => new(body.IndexOf((byte)'{') + 1, 0, System.Text.Encoding.UTF8.GetBytes(member + ","));
}
