using System.Collections.Concurrent;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.InputBounds;

/// <summary>
/// What past answers said of how a model counts text. Until enough were seen its bound is one token a byte. From then on it is what <see cref="WordRule"/> allows, times the worst that was
/// ever seen of this model beside it and a tenth more: never below the rule, which no vocabulary looked at exceeds, and never above the bytes.
/// </summary>
/// <remarks>Only answers to plain text teach, and teaching can only widen the bound, so that no caller can make another's hold too small.</remarks>
sealed class InputHabits(ForwardOptions options)
{
    /// <summary>Answers seen before a model's bound is tightened.</summary>
    public const int WarmUp = 50;

    /// <summary>Most models that are remembered; further ones keep the bound of bytes.</summary>
    public const int MaxModels = 4_096;

    // Thousandths; the tenth on top is for what was not seen yet.
    const long Whole = 1_000;
    const long Margin = 100;

    readonly ConcurrentDictionary<ModelPrice, Habit> habits = new(ReferenceEqualityComparer.Instance);

    /// <summary>Tokens by which the bound of the request's text may be lowered for this model.</summary>
    /// <param name="most">What <see cref="WordRule"/> gave for the body.</param>
    public long Saving(RequestFacts facts, ModelPrice price, long most)
    {
        if (most <= 0 || !habits.TryGetValue(price, out var habit) || Volatile.Read(ref habit.Seen) < WarmUp)
        {
            return 0;
        }
        var bytes = facts.Input[BilledUnit.InputToken];
        var worst = Volatile.Read(ref habit.Worst);
        var factor = worst <= Whole ? Whole : worst + (worst * Margin / Whole);
        return Math.Max(0, bytes - ((((bytes - most) * factor) + Whole - 1) / Whole));
    }

    /// <summary>What the rule saves in a body that is text alone; 0 for all else.</summary>
    public long Measure(RequestFacts facts, ReadOnlySpan<byte> body) => options.TightenInput && IsPlain(facts) ? WordRule.Saving(body) : 0;

    /// <summary>Compares what the provider counted with the rule.</summary>
    public void Learn(RequestFacts facts, ModelPrice price, UsageRecord record, long most)
    {
        var rule = facts.Input[BilledUnit.InputToken] - most;
        if (most <= 0 || rule <= 0 || record.Source != UsageSource.Provider || record.Provider != price.Provider || record.Usage.PromptTokens == 0 || price.Source.Length == 0)
        {
            return;
        }
        if (!habits.TryGetValue(price, out var habit))
        {
            if (habits.Count >= MaxModels)
            {
                return;
            }
            habit = habits.GetOrAdd(price, static _ => new Habit());
        }
        habit.Add(((record.Usage.PromptTokens * Whole) + rule - 1) / rule);
    }

    // Pictures, sound and searches are bounded by rules of their own.
    static bool IsPlain(RequestFacts facts)
    {
        if (facts.UnknownInput || facts.Images > 0)
        {
            return false;
        }
        for (var unit = 0; unit < BilledUnits.Count; unit++)
        {
            if ((BilledUnit)unit != BilledUnit.InputToken && facts.Input[(BilledUnit)unit] != 0)
            {
                return false;
            }
        }
        return true;
    }

    sealed class Habit
    {
        public int Seen;

        /// <summary>Thousandths of the rule.</summary>
        public long Worst;

        public void Add(long ratio)
        {
            for (var before = Volatile.Read(ref Worst); ratio > before;)
            {
                var found = Interlocked.CompareExchange(ref Worst, ratio, before);
                if (found == before)
                {
                    break;
                }
                before = found;
            }
            if (Volatile.Read(ref Seen) < WarmUp)
            {
                Interlocked.Increment(ref Seen);
            }
        }
    }
}
