using System.Buffers.Binary;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Idempotency;

enum KeyState : byte
{
    /// <summary>A call is on its way.</summary>
    InFlight = 1,

    /// <summary>It was answered, and the answer is here.</summary>
    Answered = 2,

    /// <summary>It was charged, and there is no answer to give again.</summary>
    Charged = 3,
}

/// <summary>What is stored of an idempotency key. The layout is stored; a change takes a new number in its first byte.</summary>
/// <param name="Owner">The process that works on it.</param>
/// <param name="LeaseEnds">Unix milliseconds after which its owner cannot be working on it any more.</param>
/// <param name="Answer">Encrypted; empty but for <see cref="KeyState.Answered"/>.</param>
readonly record struct KeyEntry(KeyState State, Guid Owner, long LeaseEnds, RequestId Request, byte[] SecretTag, byte[] Fingerprint, byte[] Answer)
{
    const byte Layout = 1;
    const int Fixed = 2 + 16 + 8 + 16 + CallersKeys.TagBytes + CallersKeys.FingerprintBytes;

    public byte[] ToBytes()
    {
        var bytes = new byte[Fixed + Answer.Length];
        bytes[0] = Layout;
        bytes[1] = (byte)State;
        Owner.TryWriteBytes(bytes.AsSpan(2));
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(18), LeaseEnds);
        BinaryPrimitives.WriteUInt128BigEndian(bytes.AsSpan(26), Request.Value);
        SecretTag.CopyTo(bytes, 42);
        Fingerprint.CopyTo(bytes, 42 + CallersKeys.TagBytes);
        Answer.CopyTo(bytes, Fixed);
        return bytes;
    }

    /// <summary>False for what another version wrote.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out KeyEntry entry)
    {
        if (bytes.Length < Fixed || bytes[0] != Layout)
        {
            entry = default;
            return false;
        }
        entry = new KeyEntry(
            (KeyState)bytes[1], new Guid(bytes.Slice(2, 16)), BinaryPrimitives.ReadInt64BigEndian(bytes[18..]), new RequestId(BinaryPrimitives.ReadUInt128BigEndian(bytes[26..])),
            bytes.Slice(42, CallersKeys.TagBytes).ToArray(), bytes.Slice(42 + CallersKeys.TagBytes, CallersKeys.FingerprintBytes).ToArray(), bytes[Fixed..].ToArray());
        return true;
    }
}
