using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace CurateMe.Cli.Drills;

/// <summary>
/// Ports of 127.0.0.1 for servers that must be told theirs. They are below those that the system hands out by itself: one of those can become some outgoing
/// connection's own between this look and the server's start, or while a server is down that is to come back to it.
/// </summary>
static class LoopbackPort
{
    const int Lowest = 10_000;

    /// <summary>Of Linux, where the range cannot be read.</summary>
    const int UsualFirstOfSystem = 32_768;

    static readonly int FirstOfSystem = ReadFirstOfSystem();

    /// <summary>One that nobody listens on.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = FirstOfSystem > Lowest ? RandomNumberGenerator.GetInt32(Lowest, FirstOfSystem) : 0;
            using var probe = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return ((IPEndPoint)probe.LocalEndPoint!).Port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Another one.
            }
        }
    }

    static int ReadFirstOfSystem()
    {
        const string Range = "/proc/sys/net/ipv4/ip_local_port_range";
        return File.Exists(Range) && int.TryParse(File.ReadAllText(Range).Split()[0], CultureInfo.InvariantCulture, out var first) ? first : UsualFirstOfSystem;
    }
}
