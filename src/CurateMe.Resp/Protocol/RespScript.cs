using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Resp;

/// <summary>A Lua script, called by its SHA-1 and loaded by the client where the server does not have it.</summary>
public sealed class RespScript
{
    public RespScript(string name, string source)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentException.ThrowIfNullOrWhiteSpace(source);
        Name = name;
        Source = source;
#pragma warning disable CA5350 // SHA-1 is the name Redis gives a script, not a protection
        Sha = Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(source)));
#pragma warning restore CA5350
        Call = Encoding.ASCII.GetBytes($"$7\r\nEVALSHA\r\n$40\r\n{Sha}\r\n");
    }

    /// <summary>For errors and traces.</summary>
    public string Name { get; }

    public string Source { get; }

    /// <summary>Forty lower-case hexadecimal digits.</summary>
    public string Sha { get; }

    /// <summary>The first two words of the call, encoded.</summary>
    internal byte[] Call { get; }

    public override string ToString() => Name;
}
