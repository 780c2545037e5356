using System.Security.Cryptography;
using CurateMe.Ledger.Mongo;

namespace CurateMe.Cli.Drills;

/// <summary>The throw-away database of a drill, and the question whether its server answers.</summary>
static class MongoPing
{
    /// <summary>As <c>db.runCommand({ping:1})</c>, by way of the relay, so that it sees what the gateway sees.</summary>
    public static async Task<bool> TryAsync(TcpRelay? relay)
    {
        if (relay is null)
        {
            return false;
        }
        try
        {
            return await RunAsync($"mongodb://127.0.0.1:{relay.Port}/?directConnection=true&serverSelectionTimeoutMS=1000", new Bson { { "ping", 1 } });
        }
        catch (MongoException)
        {
            return false;
        }
    }

    /// <summary>The server's address with a name of its own for a database.</summary>
    public static string NewDatabase(string serverUrl) => new UriBuilder(serverUrl) { Path = "/cm_drill_" + RandomNumberGenerator.GetHexString(24, lowercase: true) }.Uri.ToString();

    /// <summary>Drops the database that the address names.</summary>
    public static Task DropAsync(string url) => RunAsync(url, new Bson { { "dropDatabase", 1 } });

    static async Task<bool> RunAsync(string url, Bson command)
    {
        using var connection = new MongoConnection(new MongoOptions { Url = url, MaxConcurrency = 1 });
        return await connection.RunAsync(session =>
        {
            session.Write(command);
            return true;
        }, CancellationToken.None);
    }
}
