using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>How JSON is written here: as providers do, with text of any language as it is.</summary>
internal static class Written
{
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The object whose members <paramref name="members"/> writes.</summary>
    public static ReadOnlyMemory<byte> Object<T>(T state, Action<Utf8JsonWriter, T> members)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(buffer, Options);
        json.WriteStartObject();
        members(json, state);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    /// <summary>Text as a JSON string, quotes included.</summary>
    public static string Quote(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    /// <summary>Adds an event of a stream.</summary>
    /// <param name="name">Its <c>event:</c> line, or null for none.</param>
    public static void Event<T>(IBufferWriter<byte> buffer, string? name, T state, Action<Utf8JsonWriter, T> members)
    {
        if (name is not null)
            Encoding.UTF8.GetBytes($"event: {name}\n", buffer);
        buffer.Write("data: "u8);
        buffer.Write(Object(state, members).Span);
        buffer.Write("\n\n"u8);
    }
}
