using CurateMe.Client;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Protection;

/// <summary>What an org's policy says of runaway spending, with its defaults.</summary>
sealed record ProtectionPolicy
{
    public static readonly ProtectionPolicy Standard = Resolve(null);

    public required ProtectionAction RetryStorm { get; init; }

    /// <summary>Requests with one body, by one key, within <see cref="RetryWindow"/>.</summary>
    public required int RetryRepeats { get; init; }
    public required TimeSpan RetryWindow { get; init; }

    public required ProtectionAction RunawayAgent { get; init; }

    /// <summary>Requests of any kind, by one key, within <see cref="RunawayWindow"/>.</summary>
    public required int RunawayRequests { get; init; }
    public required TimeSpan RunawayWindow { get; init; }

    public required ProtectionAction HourlySpike { get; init; }

    /// <summary>How many times the mean of the hours before, in hundredths.</summary>
    public required int SpikeFactorHundredths { get; init; }
    public required NanoUsd SpikeLeast { get; init; }

    public required ProtectionAction NewExpensiveModel { get; init; }

    /// <summary>How many times the price of the dearest model so far, in hundredths.</summary>
    public required int ModelFactorHundredths { get; init; }

    public required int ThrottleRpm { get; init; }
    public required TimeSpan ThrottleFor { get; init; }

    public static ProtectionPolicy Resolve(ProtectionDocument? document) => new()
    {
        RetryStorm = document?.RetryStorm?.Action ?? ProtectionAction.Alert,
        RetryRepeats = document?.RetryStorm?.Requests ?? 30,
        RetryWindow = TimeSpan.FromSeconds(document?.RetryStorm?.WindowSeconds ?? 60),
        RunawayAgent = document?.RunawayAgent?.Action ?? ProtectionAction.Alert,
        RunawayRequests = document?.RunawayAgent?.Requests ?? 1_000,
        RunawayWindow = TimeSpan.FromSeconds(document?.RunawayAgent?.WindowSeconds ?? 60),
        HourlySpike = document?.HourlySpike?.Action ?? ProtectionAction.Alert,
        SpikeFactorHundredths = (int)((document?.HourlySpike?.Factor ?? 5) * 100),
        SpikeLeast = document?.HourlySpike?.MinUsd ?? NanoUsd.FromDollars(1),
        NewExpensiveModel = document?.NewExpensiveModel?.Action ?? ProtectionAction.Alert,
        ModelFactorHundredths = (int)((document?.NewExpensiveModel?.Factor ?? 3) * 100),
        ThrottleRpm = document?.ThrottleRpm ?? 6,
        ThrottleFor = TimeSpan.FromSeconds(document?.ThrottleSeconds ?? 600),
    };

    public ProtectionView View() => new()
    {
        RetryStorm = new RateRule { Action = RetryStorm, Requests = RetryRepeats, WindowSeconds = (int)RetryWindow.TotalSeconds },
        RunawayAgent = new RateRule { Action = RunawayAgent, Requests = RunawayRequests, WindowSeconds = (int)RunawayWindow.TotalSeconds },
        HourlySpike = new SpikeRule { Action = HourlySpike, Factor = SpikeFactorHundredths / 100m, MinUsd = SpikeLeast },
        NewExpensiveModel = new ModelRule { Action = NewExpensiveModel, Factor = ModelFactorHundredths / 100m },
        ThrottleRpm = ThrottleRpm,
        ThrottleSeconds = (int)ThrottleFor.TotalSeconds,
    };
}
