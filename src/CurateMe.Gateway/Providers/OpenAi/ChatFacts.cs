using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>How much a search is to put into the prompt; some providers price it.</summary>
enum SearchContext : byte
{
    Low,
    Medium,
    High,
}

/// <summary>Facts of a chat completion, with the places that may be patched.</summary>
sealed class ChatFacts : RequestFacts
{
    // A model that researches by itself tells its searches and citations only afterwards.
    const int MostResearchSearches = 50;
    const int MostCitationTokens = 100_000;

    /// <summary>The cap in the older of the two fields, which is the only one that some providers know.</summary>
    public long? MaxTokens { get; init; }
    public ByteSpan MaxTokensToken { get; init; }
    public ByteSpan MaxCompletionTokensToken { get; init; }
    public ByteSpan StreamOptionsToken { get; init; }
    public ByteSpan IncludeUsageToken { get; init; }

    /// <summary>The model searches the web for this request.</summary>
    public bool Searches { get; init; }
    public SearchContext SearchContext { get; init; }

    public override void AddBounds(ModelPrice price, ref UsageCounts usage)
    {
        AddFees(price, ref usage);
        if (price.IsPriced(BilledUnit.CitationToken))
        {
            usage[BilledUnit.CitationToken] = MostCitationTokens;
            usage[BilledUnit.WebSearch] = MostResearchSearches;
        }
    }

    public override void AddEstimates(ModelPrice price, ref UsageCounts usage) => AddFees(price, ref usage);

    // Search models bill one fee for each request, which the usage block does not tell.
    public override void AddFees(ModelPrice price, ref UsageCounts usage)
    {
        usage[BilledUnit.Request] += price.IsPriced(BilledUnit.Request) ? 1 : 0;
        if (price.IsPriced(BilledUnit.LowContextSearch))
        {
            usage[SearchContext switch { SearchContext.High => BilledUnit.HighContextSearch, SearchContext.Medium => BilledUnit.MediumContextSearch, _ => BilledUnit.LowContextSearch }]++;
            usage[BilledUnit.WebSearch] = 0;
        }
        else if (Searches)
        {
            usage[BilledUnit.WebSearch] = Math.Max(1, usage[BilledUnit.WebSearch]);
        }
    }
}
