namespace CurateMe.Resp;

/// <summary>Every way in which a command can fail.</summary>
public enum RespFailure
{
    /// <summary>The server answered with an error.</summary>
    Server,
    /// <summary>No whole command left this process: it was definitely not executed.</summary>
    NotSent,
    /// <summary>Sent, but no reply came: it may or may not have been executed.</summary>
    OutcomeUnknown,
    /// <summary>What came back is not RESP, breaks a limit, or is not what the caller can read.</summary>
    Protocol,
}

/// <summary>A command failed; <see cref="Failure"/> says who failed and when. The four sealed subclasses are all there is.</summary>
public abstract class RespException : Exception
{
    private protected RespException(RespFailure failure, string message, Exception? inner) : base(message, inner) => Failure = failure;

    public RespFailure Failure { get; }

    /// <summary>False only where it is certain that the server did not execute the command. When true, retry only what is idempotent.</summary>
    public bool MayHaveRun => Failure != RespFailure.NotSent && this is not RespServerException { IsNotReady: true };
}

/// <summary>The server's own error, for example <c>WRONGTYPE Operation against …</c>.</summary>
public sealed class RespServerException(string error) : RespException(RespFailure.Server, error, null)
{
    /// <summary>The first word, for example <c>WRONGTYPE</c>, <c>NOAUTH</c>, <c>OOM</c>, <c>LOADING</c>.</summary>
    public string Code { get; } = error.IndexOf(' ') is var space and > 0 ? error[..space] : error;

    /// <summary>The server refused to begin, whatever the command: it is loading, busy with a script, cut off from its master, or its cluster is not whole.</summary>
    public bool IsNotReady => Code is "LOADING" or "BUSY" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "MOVED" or "ASK";
}

/// <summary>Not connected, too much pending, or lost before the command was handed to the socket: definitely not executed.</summary>
public sealed class RespNotSentException(string message, Exception? inner = null) : RespException(RespFailure.NotSent, message, inner);

/// <summary>Timed out or lost after it was sent. The caller must find out, or repeat an idempotent command.</summary>
public sealed class RespOutcomeUnknownException(string message, Exception? inner = null) : RespException(RespFailure.OutcomeUnknown, message, inner);

/// <summary>The peer does not speak RESP, breaks a <see cref="RespLimits">limit</see>, or sent another kind of reply than the one asked for.</summary>
public sealed class RespProtocolException(string message, Exception? inner = null) : RespException(RespFailure.Protocol, message, inner);
