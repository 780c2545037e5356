namespace CurateMe.Ledger.Pricing;

/// <summary>Where in a price file a fault is, as a person would say it.</summary>
sealed class FaultPlace(string file, List<string> faults, string row = "")
{
    internal string File => file;

    internal void Add(string what) => faults.Add(row.Length == 0 ? $"{file}: {what}" : $"{file}: {row}: {what}");

    internal FaultPlace Under(string place) => new(file, faults, place);

    internal FaultPlace Named(string? provider, string? model) => model is null ? this : new(file, faults, provider is null ? model : $"{provider}/{model}");
}
