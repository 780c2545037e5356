using CurateMe.Gateway.Access;
using CurateMe.Gateway.Approvals;
using CurateMe.Ledger.Errors;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace CurateMe.Gateway.Alerts;

static class AlertServices
{
    /// <summary>Events and webhooks over the registered alert store.</summary>
    public static IServiceCollection AddAlerts(this IServiceCollection services)
    {
        services.TryAddSingleton(new AlertOptions());
        services.TryAddSingleton<ErrorEvents>();
        services.AddMetrics();
        services.AddSingleton<AlertMetrics>();
        services.AddSingleton<AlertDesk>();
        services.AddSingleton<ApprovalAlerts>();
        services.AddSingleton<SealedSecrets>();
        services.AddSingleton<ApprovalLinks>();
        services.AddSingleton<RefusedAccess>();
        services.AddSingleton<WebhookDirectory>();
        services.AddSingleton<NetworkGuard>();
        services.AddSingleton<WebhookSender>();
        services.AddSingleton<BudgetSignals>();
        services.AddSingleton<WebhookPost>();
        services.AddHostedService(static s => s.GetRequiredService<WebhookPost>());
        services.AddSingleton<BudgetWatch>();
        services.AddHostedService(static s => s.GetRequiredService<BudgetWatch>());
        services.AddSingleton<LedgerWatch>();
        services.AddHostedService(static s => s.GetRequiredService<LedgerWatch>());
        return services;
    }
}
