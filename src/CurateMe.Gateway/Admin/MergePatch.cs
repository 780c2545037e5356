using System.Text.Json.Nodes;

namespace CurateMe.Gateway.Admin;

/// <summary>JSON merge patch (RFC 7396): what the patch names is replaced, null removes, objects are merged, everything else stays.</summary>
static class MergePatch
{
    /// <returns>A new object; neither argument is changed.</returns>
    public static JsonObject Apply(JsonObject target, JsonObject patch)
    {
        var merged = (JsonObject)target.DeepClone();
        foreach (var (name, value) in patch)
        {
            switch (value)
            {
                case null:
                    merged.Remove(name);
                    break;
                case JsonObject inner:
                    merged[name] = Apply(merged[name] as JsonObject ?? [], inner);
                    break;
                default:
                    merged[name] = value.DeepClone();
                    break;
            }
        }
        return merged;
    }
}
