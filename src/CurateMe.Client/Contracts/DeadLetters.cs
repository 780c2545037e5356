using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>A record that the ledger refused repeatedly and that waits to be replayed.</summary>
public sealed record DeadLetter
{
    public required string RequestId { get; init; }
    public required string OrgId { get; init; }
    public string? TeamId { get; init; }
    public required string KeyId { get; init; }
    public required string Provider { get; init; }
    public required string Model { get; init; }
    public required string Status { get; init; }
    public required NanoUsd CostUsd { get; init; }
    public long CostNanoUsd => CostUsd.Value;
    public required DateTimeOffset Ts { get; init; }
}
