using System.Text.Json;

namespace CurateMe.Gateway.Proxy;

/// <summary>JSON tokens that are written into bodies.</summary>
static class JsonText
{
    /// <summary>A JSON string, quotes included.</summary>
    public static byte[] Quote(string value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStringValue(value);
        }
        return stream.ToArray();
    }
}
