using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace CurateMe.Gateway.Simulator;

/// <summary>Breaks connections the hard way.</summary>
internal static class Connections
{
    /// <summary>Closes the caller's connection with a TCP reset, so that it cannot be taken for a good end.</summary>
    public static void Reset(HttpContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>() is { Socket: { } socket })
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        context.Abort();
    }
}
