namespace CurateMe.Ledger.Pricing;

/// <summary>The processing tier a request is billed under. The numbers are stored.</summary>
public enum ServiceTier : byte
{
    Standard = 0,
    Flex = 1,
    Priority = 2,
    Batch = 3,
    /// <summary>The same model answering faster at a multiple of its price.</summary>
    Fast = 4,
}
