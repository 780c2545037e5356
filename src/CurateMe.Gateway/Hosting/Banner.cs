using System.Text;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Dashboard;

namespace CurateMe.Gateway.Hosting;

/// <summary>What a newcomer reads first: what is on, where things are, and one command to paste.</summary>
static class Banner
{
    public static string Text(GatewaySettings settings, FirstStart first, string address, bool dashboard)
    {
        var text = new StringBuilder("\nCurateMe Gateway\n\n");
        if (settings.Demo)
        {
            text.Append("  DEMO: every provider is answered by the built-in simulator. Answers, tokens and prices are realistic; nothing leaves\n")
                .Append("  this machine and nobody bills you. Configure a provider key to go live, e.g. Providers__openai__ApiKey.\n\n");
        }
        text.Append($"  listening    {address}\n")
            .Append(settings.Shared is { } shared ? $"  stores       shared: counters at {shared.Redis}, ledger in MongoDB\n" : "  stores       embedded: counters in process, ledger in SQLite\n")
            .Append($"  data         {settings.DataDirectory}\n")
            .Append($"  providers    {Providers(settings)}\n")
            .Append($"  prices       {settings.Prices.Version}\n")
            .Append(dashboard ? $"  dashboard    {address}/dashboard/\n" : $"  dashboard    none. {DashboardPages.Missing}\n")
            .Append($"  admin token  {AdminToken(first)}\n");
        if (first.ApiKey is { } key)
        {
            text.Append($"  API key      {key}   (of {first.OrgId}; shown this once)\n");
        }
        text.Append("\n  Try it:\n\n")
            .Append($"  curl -i {address}/v1/openai/chat/completions \\\n")
            .Append($"    -H \"Authorization: Bearer {first.ApiKey ?? "$API_KEY"}\" -H \"Content-Type: application/json\" \\\n")
            .Append("    -d '{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"ping\"}],\"max_tokens\":20}'\n\n");
        return text.ToString();
    }

    static string AdminToken(FirstStart first) => first switch
    {
        { AdminTokenIsNew: true } => $"{first.AdminToken}   (kept in {first.AdminTokenFile})",
        { AdminTokenFile: { } file } => $"as kept in {file}",
        _ => "as set in ADMIN_TOKEN",
    };

    static string Providers(GatewaySettings settings)
    {
        if (settings.Demo)
        {
            return "all, simulated";
        }
        var keyed = settings.Providers.Where(static p => p.ApiKey is not null).Select(static p => p.Name).ToList();
        return keyed.Count == 0 ? "none has a stored key; callers bring theirs in X-Provider-Key" : string.Join(", ", keyed);
    }
}
