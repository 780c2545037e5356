namespace CurateMe.Gateway.Configuration;

/// <summary>Finds what a misspelt name was meant to be.</summary>
static class NearMatch
{
    /// <summary>Longest name that is compared, in characters.</summary>
    const int MaxLength = 128;

    /// <summary>The known name that is nearest, without regard to case; null where none is near: more than a third of its characters, or four, would have to change.</summary>
    public static string? Of(string name, IEnumerable<string> known)
    {
        if (name.Length > MaxLength)
        {
            return null;
        }
        var (nearest, least) = ((string?)null, int.MaxValue);
        foreach (var candidate in known.Where(static k => k.Length <= MaxLength))
        {
            var distance = Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant());
            if (distance < least && distance <= Math.Clamp(candidate.Length / 3, 1, 4))
            {
                (nearest, least) = (candidate, distance);
            }
        }
        return nearest;
    }

    // Characters to insert, remove, replace or swap with their neighbour.
    static int Distance(string from, string to)
    {
        var cells = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++)
        {
            for (var j = 0; j <= to.Length; j++)
            {
                cells[i, j] = i == 0 || j == 0
                    ? i + j
                    : Math.Min(Math.Min(cells[i - 1, j], cells[i, j - 1]) + 1, cells[i - 1, j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                {
                    cells[i, j] = Math.Min(cells[i, j], cells[i - 2, j - 2] + 1);
                }
            }
        }
        return cells[from.Length, to.Length];
    }
}
