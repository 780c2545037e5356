using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Governance;

namespace CurateMe.Gateway.Alerts;

/// <summary>What is told of keys.</summary>
static class KeyAlerts
{
    /// <param name="before">The key as it was; one that was disabled already is not told of again.</param>
    public static void Disabled(AlertDesk desk, Stored<KeyDocument> before, string by, string reason)
    {
        var key = before.Value;
        if (key.Disabled)
        {
            return;
        }
        desk.Raise(AlertType.KeyDisabled, key.OrgId, $"key:{key.KeyId}", $"{key.KeyId}:{before.Version}", new JsonObject
        {
            ["key_id"] = key.KeyId,
            ["name"] = key.Name,
            ["team_id"] = key.TeamId,
            ["by"] = by,
            ["reason"] = reason,
        });
    }
}
