namespace CurateMe.Gateway.Approvals;

/// <summary>
/// How often one key may ask for a new approval at this gateway: <see cref="PerHour"/> at once, and as many in each hour after. Each asking is a document and an
/// entry of the audit trail that stay, and a message to people; a key that asks without end would keep administrators from changing anything, itself included.
/// </summary>
sealed class AskingRate(TimeProvider time)
{
    /// <summary>More than a person decides in an hour.</summary>
    public const int PerHour = 300;

    /// <summary>Most keys that are counted; beyond it counting begins anew.</summary>
    public const int MaxKeys = 50_000;

    static readonly TimeSpan Window = TimeSpan.FromHours(1);
    static readonly TimeSpan Step = Window / PerHour;

    readonly Lock gate = new();
    readonly Dictionary<string, DateTimeOffset> freeAt = new(StringComparer.Ordinal);

    /// <summary>Takes one asking.</summary>
    /// <returns>Zero when it was taken, else how long to wait for the next.</returns>
    public TimeSpan Take(string keyId)
    {
        var now = time.GetUtcNow();
        lock (gate)
        {
            if (freeAt.Count >= MaxKeys && !freeAt.ContainsKey(keyId))
            {
                freeAt.Clear();
            }
            var from = freeAt.GetValueOrDefault(keyId);
            from = from < now ? now : from;
            var wait = from + Step - (now + Window);
            if (wait > TimeSpan.Zero)
            {
                return wait;
            }
            freeAt[keyId] = from + Step;
            return TimeSpan.Zero;
        }
    }
}
