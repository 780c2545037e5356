using System.Collections.Frozen;

namespace CurateMe.Gateway.Governance;

/// <summary>
/// Which models may be used. Names are compared without regard to case; a trailing <c>*</c> stands for any ending.
/// Immutable; asking does not allocate.
/// </summary>
sealed class ModelAllowlist
{
    /// <summary>Most entries of one list.</summary>
    public const int MaxEntries = 500;

    /// <summary>Longest entry, in characters.</summary>
    public const int MaxEntryLength = 128;

    readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _exact;
    readonly string[] _prefixes;
    readonly ModelAllowlist? _and;
    readonly bool _any;

    ModelAllowlist(IEnumerable<string> exact, string[] prefixes, bool any, ModelAllowlist? and)
    {
        _exact = exact.ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        _prefixes = prefixes;
        _any = any;
        _and = and;
    }

    /// <summary>Every model.</summary>
    public static ModelAllowlist All { get; } = new([], [], any: true, and: null);

    /// <summary>The models of a list; null is every model, an empty list is none.</summary>
    public static ModelAllowlist Of(IReadOnlyList<string>? entries) => entries is null ? All : Create(entries, and: null);

    /// <summary>The models of a list that are in this one as well.</summary>
    public ModelAllowlist And(IReadOnlyList<string>? entries) => entries is null ? this : Create(entries, _any ? null : this);

    /// <summary>Whether no model is excluded.</summary>
    public bool AllowsAll => _any && _and is null;

    public bool Allows(ReadOnlySpan<char> model)
    {
        if (_and is not null && !_and.Allows(model))
        {
            return false;
        }
        if (_any || _exact.Contains(model))
        {
            return true;
        }
        foreach (var prefix in _prefixes)
        {
            if (model.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }
        return false;
    }

    static ModelAllowlist Create(IReadOnlyList<string> entries, ModelAllowlist? and)
    {
        var prefixes = entries.Where(e => e.EndsWith('*')).Select(e => e[..^1]).ToArray();
        return new ModelAllowlist(entries.Where(e => !e.EndsWith('*')), prefixes, prefixes.Contains(""), and);
    }
}
