using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using CurateMe.Gateway.Proxy;
using Microsoft.AspNetCore.Http;

namespace CurateMe.Gateway.Idempotency;

/// <summary>An answer as the client got it, to be given again: the provider's headers that it was given, and every byte of the body.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Cost">What it cost the first time, in nano-dollars.</param>
sealed record KeptAnswer(int Status, long Cost, Dictionary<string, string[]> Headers, byte[] Body)
{
    public static KeptAnswer Of(HttpResponseMessage answer, long cost, byte[] body)
    {
        var headers = new HeaderDictionary();
        HeaderHygiene.CopyToClient(answer, headers);
        return new KeptAnswer((int)answer.StatusCode, cost, headers.ToDictionary(static h => h.Key, static h => (string[])h.Value.ToArray()!, StringComparer.OrdinalIgnoreCase), body);
    }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, KeptAnswerJson.Default.KeptAnswer);

    public static KeptAnswer? Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, KeptAnswerJson.Default.KeptAnswer);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSerializable(typeof(KeptAnswer))]
sealed partial class KeptAnswerJson : JsonSerializerContext;

/// <summary>Collects what a stream sends, up to a limit.</summary>
sealed class StreamCopy(int limit)
{
    readonly ArrayBufferWriter<byte> bytes = new();

    /// <summary>It was longer than the limit, so that it is not kept.</summary>
    public bool TooLong { get; private set; }

    public void Write(ReadOnlySpan<byte> piece)
    {
        if (TooLong || bytes.WrittenCount + piece.Length > limit)
        {
            TooLong = true;
            bytes.Clear();
            return;
        }
        bytes.Write(piece);
    }

    public byte[] ToArray() => bytes.WrittenSpan.ToArray();
}
