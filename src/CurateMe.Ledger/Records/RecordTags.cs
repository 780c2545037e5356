namespace CurateMe.Ledger.Records;

/// <summary>The caller's tags as they are stored: <c>k=v,k=v</c>.</summary>
public static class RecordTags
{
    /// <summary>The value of one tag, or null when there is none.</summary>
    public static string? Find(string? tags, string? name)
    {
        if (tags is null || name is null) return null;
        foreach (var range in tags.AsSpan().Split(','))
        {
            var tag = tags.AsSpan(range);
            var equals = tag.IndexOf('=');
            if (equals >= 0 && tag[..equals].SequenceEqual(name)) return tag[(equals + 1)..].ToString();
        }
        return null;
    }
}
