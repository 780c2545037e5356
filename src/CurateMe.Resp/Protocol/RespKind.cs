namespace CurateMe.Resp;

/// <summary>The kind of a reply. RESP2 null strings and null arrays, and the RESP3 null, are all <see cref="Null"/>.</summary>
public enum RespKind : byte
{
    Null,
    SimpleString,
    BulkString,
    Integer,
    Boolean,
    Double,
    BigNumber,
    Verbatim,
    Error,
    Array,
    Set,
    /// <summary>Keys and values in turn: <c>Count</c> is twice the number of pairs.</summary>
    Map,
    Push,
    Attribute,
}
