namespace CurateMe.Gateway.Simulator;

/// <summary>How a provider simulator is set up.</summary>
internal sealed record SimulatorOptions
{
    /// <summary>Longest request body taken, in bytes.</summary>
    public const int MaxBodyBytes = 64 * 1024 * 1024;

    /// <summary>Loopback port; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>JSON lines of the bill are appended to this file; <c>none</c> keeps no bill; null keeps it in memory.</summary>
    public string? Bill { get; init; }

    /// <summary>Lines of the bill kept in memory, 1 to <see cref="Simulator.Bill.MaxEntries"/>.</summary>
    public int MaxBillEntries { get; init; } = Simulator.Bill.MaxEntries;

    /// <summary>Answers chat completions from ready-made bytes, without behaviours or a bill, as an upstream for load tests.</summary>
    public bool Fast { get; init; }

    /// <summary>How every call is answered until told otherwise.</summary>
    public Behaviour Behaviour { get; init; } = Behaviour.Default;
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
