namespace CurateMe.Ledger.Money;

/// <summary>Why a text is not an amount of money.</summary>
public enum MoneyError : byte
{
    None,
    Empty,
    TooLong,
    NotANumber,
    NotFinite,
    TooFine,
    OutOfRange,
}

public static class MoneyErrors
{
    /// <summary>A sentence for the person who wrote the amount.</summary>
    public static string Message(this MoneyError error) => error switch
    {
        MoneyError.None => "is an amount",
        MoneyError.Empty => "is empty; write dollars as a plain decimal, such as 24.5",
        MoneyError.TooLong => $"is longer than {DecimalText.MaxLength} characters; write dollars as a plain decimal, such as 24.5",
        MoneyError.NotANumber => "is not a number; write dollars as a plain decimal, such as 24.5",
        MoneyError.NotFinite => "is not finite; write an amount, or null for no limit",
        MoneyError.TooFine => "is finer than a nano-dollar; write at most nine decimals",
        MoneyError.OutOfRange => "is out of range; the largest amount is 9223372036.854775807 dollars",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "not a MoneyError"),
    };
}
