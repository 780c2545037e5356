using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Runners;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace CurateMe.Gateway.Keys;

static class KeyServices
{
    /// <summary>Orgs, policies and keys over the registered configuration store, and the watch on its changes.</summary>
    public static IServiceCollection AddKeys(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ConfigChanges>();
        services.AddHostedService(provider => provider.GetRequiredService<ConfigChanges>());
        services.AddSingleton<Catalogue>();
        services.AddSingleton<KeyDirectory>();
        services.AddSingleton<SessionDirectory>();
        services.AddSingleton<AskingRate>();
        services.AddSingleton<ApprovalGate>();
        return services;
    }
}
