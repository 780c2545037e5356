namespace CurateMe.Ledger.Pricing;

/// <summary>The processing tier a request is billed under. The numbers are stored.</summary>
public enum ServiceTier : byte
{
    Standard = 0,
    Flex = 1,
    Priority = 2,
    Batch = 3,
}
