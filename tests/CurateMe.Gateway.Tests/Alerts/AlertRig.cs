using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>A gateway whose webhooks may go to this machine, and an operator's client.</summary>
static class AlertRig
{
    public const string Token = "operator-token-of-the-tests";

    public static Task<GatewayRig> StartAsync(AlertOptions? options = null, TemporaryDirectory? directory = null, TimeProvider? time = null, CurateMe.Ledger.Alerts.IAlertStore? store = null) => GatewayRig.StartAsync(
        new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token },
        directory,
        services =>
        {
            if (time is not null)
            {
                services.AddSingleton(time);
            }
            if (store is not null)
            {
                services.AddSingleton(store);
            }
        },
        settings: settings => settings with
        {
            Alerts = options ?? new AlertOptions { AllowPrivateNetworks = true, AllowHttp = true, SweepEvery = TimeSpan.FromMilliseconds(50), WatchEvery = TimeSpan.FromHours(1), Retries = [TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10)] },
        });

    public static AdminClient Admin(this GatewayRig rig, string? org = null) => new(rig.Http, Token, org);

    /// <summary>Waits until a question is answered as expected.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> expected, string what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (expected(answer))
            {
                return answer;
            }
            if (TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(30))
            {
                throw new TimeoutException($"Waited in vain: {what}; it is {answer}");
            }
            await Task.Delay(20);
        }
    }
}
