using System.Diagnostics;
using CurateMe.Ledger.Mongo;

namespace CurateMe.Testing.Mongo;

/// <summary>
/// The server that tests of MongoDB run on: that of <c>MONGODB_URL</c>, else the one that <c>../shared/mongo-rig/start.sh</c> beside the repository
/// starts or finds running. Without either, and without the driver, tests skip.
/// </summary>
internal static class MongoServer
{
    static readonly Lazy<Task<(string? Url, string Reason)>> Found = new(FindAsync);

    /// <summary>A database of one test, dropped with it.</summary>
    /// <param name="skip">Ends a test that cannot run here, with the reason: <c>Assert.Skip</c>.</param>
    internal static async Task<MongoDatabase> NewDatabaseAsync(Action<string> skip)
    {
        var (url, reason) = await Found.Value;
        if (url is null)
        {
            skip(reason);
            throw new InvalidOperationException(reason);
        }
        return new MongoDatabase(url, $"cm_test_{Guid.NewGuid():n}");
    }

    static async Task<(string?, string)> FindAsync()
    {
        if (!System.Runtime.InteropServices.NativeLibrary.TryLoad(Native.Mongoc, out _)) return (null, $"{Native.Mongoc} is not installed (apt-get install libmongoc-1.0-0)");
        if (Environment.GetEnvironmentVariable("MONGODB_URL") is { Length: > 0 } given) return (given, "");
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "CurateMe.slnx"))) root = root.Parent;
        var start = root?.Parent is { } beside ? Path.Combine(beside.FullName, "shared", "mongo-rig", "start.sh") : null;
        if (start is null || !File.Exists(start)) return (null, "no MongoDB: set MONGODB_URL");
        var output = await StartAsync(start);
        var line = output.Split('\n').FirstOrDefault(text => text.StartsWith("MONGODB_URL=", StringComparison.Ordinal));
        return line is null ? (null, $"{start} did not start a MongoDB") : (line["MONGODB_URL=".Length..].Trim(), "");
    }

    /// <summary>What it leaves running holds the pipe of its standard output open, so the output goes by way of a file.</summary>
    static async Task<string> StartAsync(string script)
    {
        var output = Path.GetTempFileName();
        try
        {
            using var process = Process.Start(new ProcessStartInfo("bash") { ArgumentList = { "-c", "exec \"$0\" >\"$1\" 2>/dev/null </dev/null", script, output } })!;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10)); // the first start installs the server
            await process.WaitForExitAsync(limit.Token);
            return await File.ReadAllTextAsync(output, limit.Token);
        }
        finally
        {
            File.Delete(output);
        }
    }
}

internal sealed class MongoDatabase(string serverUrl, string name) : IAsyncDisposable
{
    const int MostDrops = 10;

    /// <summary>The address with the database's name in it.</summary>
    internal string Url { get; } = WithDatabase(serverUrl, name);

    /// <summary>Where the server listens.</summary>
    internal (string Host, int Port) Server
    {
        get
        {
            var authority = serverUrl[(serverUrl.IndexOf("://", StringComparison.Ordinal) + 3)..].Split('/', '?')[0];
            var host = authority[(authority.LastIndexOf('@') + 1)..].Split(',')[0].Split(':');
            return (host[0], host.Length > 1 ? int.Parse(host[1], System.Globalization.CultureInfo.InvariantCulture) : 27017);
        }
    }

    /// <summary>The address with another host and port, talking to that server alone.</summary>
    internal string UrlThrough(int port)
    {
        var authority = serverUrl[(serverUrl.IndexOf("://", StringComparison.Ordinal) + 3)..].Split('/', '?')[0];
        var login = authority.Contains('@') ? authority[..(authority.LastIndexOf('@') + 1)] : "";
        return $"mongodb://{login}127.0.0.1:{port}/{name}?directConnection=true{(login.Length > 0 ? "&authSource=admin" : "")}";
    }

    internal async Task<T> RunAsync<T>(Func<MongoSession, T> work)
    {
        using var connection = new MongoConnection(new MongoOptions { Url = Url, MaxConcurrency = 1 });
        return await connection.RunAsync(work, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await RunAsync(session => session.Write(new Bson { { "dropDatabase", 1 } }));
                return;
            }
            catch (MongoException) when (tries < MostDrops)
            {
                // Databases that are dropped at the same time can get in each other's way.
                await Task.Delay(100 * tries);
            }
        }
    }

    static string WithDatabase(string url, string name)
    {
        var query = url.IndexOf('?');
        var (path, options) = query < 0 ? (url, "") : (url[..query], url[query..]);
        var slash = path.IndexOf('/', path.IndexOf("://", StringComparison.Ordinal) + 3);
        return $"{(slash < 0 ? path : path[..slash])}/{name}{options}";
    }
}
