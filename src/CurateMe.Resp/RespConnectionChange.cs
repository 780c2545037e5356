namespace CurateMe.Resp;

public enum RespConnectionState
{
    Connected,
    /// <summary>An open connection ended; the client is already trying to replace it.</summary>
    Lost,
    /// <summary>An attempt to connect failed; the next one comes after a back-off.</summary>
    Failed,
}

/// <summary>What happened to the connection to one server, and why.</summary>
/// <param name="IsSubscriber">It is the connection that carries the subscriptions, not commands.</param>
public readonly record struct RespConnectionChange(RespAddress Address, RespConnectionState State, RespException? Reason, bool IsSubscriber = false);

/// <summary>One server as the client sees it now.</summary>
/// <param name="Latency">From the send to the reply of the last answered command; zero before the first.</param>
public readonly record struct RespNodeStatus(RespAddress Address, bool IsConnected, TimeSpan Latency);
