namespace CurateMe.Gateway.Hosting;

/// <summary>
/// Runs a request on the thread that learns of its bytes, one event loop a core, instead of handing it to the thread pool: half of a
/// proxy's CPU is thread hops. Safe here because nothing on the data plane blocks: the ledger is written by the recorder's own tasks, admin
/// requests hop to the pool first, and locks guard a few microseconds. docs/decisions/inline-sockets.md has the measurement.
/// </summary>
static class InlineSockets
{
    const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>On unless the operator set the runtime's variable to 0.</summary>
    public static bool Wanted => Environment.GetEnvironmentVariable(Variable) is "1";

    /// <summary>Call it before the first socket is made: the runtime reads its variable once.</summary>
    public static void Enable()
    {
        if (Environment.GetEnvironmentVariable(Variable) is null)
        {
            Environment.SetEnvironmentVariable(Variable, "1");
        }
    }
}
