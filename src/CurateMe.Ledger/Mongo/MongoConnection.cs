using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace CurateMe.Ledger.Mongo;

/// <summary>How to reach MongoDB. Options in the URL win over the time-outs here; its read preference and write concern are not used.</summary>
public sealed record MongoOptions
{
    /// <summary><c>mongodb://</c> or <c>mongodb+srv://</c>; its path names the database, <c>curateme</c> when there is none.</summary>
    public required string Url { get; init; }

    /// <summary>Longest wait for a server that can take the call.</summary>
    public TimeSpan ServerSelectionTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest wait for the answer to a call that was sent.</summary>
    public TimeSpan SocketTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Calls at once: as many threads and connections.</summary>
    public int MaxConcurrency { get; init; } = 8;

    /// <summary>Calls that wait for a thread; more are refused.</summary>
    public int MaxQueue { get; init; } = 1024;
}

/// <summary>
/// The driver's pool of clients, and the threads that its blocking calls run on: a fixed number, so that a frozen server holds up its own callers
/// and not the thread pool.
/// </summary>
internal sealed class MongoConnection : IDisposable
{
    readonly BlockingCollection<Action> _work;
    readonly Thread[] _threads;
    readonly nint _pool;

    internal string Database { get; }

    /// <summary>Reads the URL and loads the driver; does not call the server yet.</summary>
    /// <exception cref="MongoException">The driver is not installed, or the URL is wrong.</exception>
    internal MongoConnection(MongoOptions options)
    {
        Native.Load();
        (_pool, Database) = OpenPool(options);
        _work = new BlockingCollection<Action>(options.MaxQueue);
        _threads = new Thread[options.MaxConcurrency];
        for (var i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work, maxStackSize: 1 << 20) { IsBackground = true, Name = $"mongo {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>Runs blocking work on a thread of its own. Cancelling ends the wait, not the work, which its time-outs bound.</summary>
    /// <exception cref="MongoException">It failed, or too many calls wait already.</exception>
    internal Task<T> RunAsync<T>(Func<MongoSession, T> work, CancellationToken ct)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Run()
        {
            try
            {
                if (ct.IsCancellationRequested)
                {
                    done.SetCanceled(ct);
                    return;
                }
                var client = Native.mongoc_client_pool_pop(_pool);
                try
                {
                    done.SetResult(work(new MongoSession(client, Database)));
                }
                finally
                {
                    Native.mongoc_client_pool_push(_pool, client);
                }
            }
            catch (Exception e)
            {
                done.TrySetException(e);
            }
        }
        if (_work.IsAddingCompleted || !_work.TryAdd(Run)) throw new MongoException("too many calls wait for MongoDB", 0);
        return done.Task.WaitAsync(ct);
    }

    public void Dispose()
    {
        if (_work.IsAddingCompleted) return;
        _work.CompleteAdding();
        foreach (var thread in _threads) thread.Join();
        Native.mongoc_client_pool_destroy(_pool);
        _work.Dispose();
    }

    void Work()
    {
        foreach (var run in _work.GetConsumingEnumerable()) run();
    }

    static unsafe (nint Pool, string Database) OpenPool(MongoOptions options)
    {
        Native.Error error;
        var uri = Native.mongoc_uri_new_with_error(options.Url, &error);
        if (uri == 0)
        {
            // The driver's own words may quote the password.
            throw new MongoException("MONGODB_URL is not a MongoDB address; write mongodb://user:password@host:27017/database, with user and password percent-encoded", error.Code);
        }
        try
        {
            ReadFromPrimary(uri);
            SetUnlessGiven(uri, "serverselectiontimeoutms", options.ServerSelectionTimeout);
            SetUnlessGiven(uri, "sockettimeoutms", options.SocketTimeout);
            SetUnlessGiven(uri, "connecttimeoutms", options.ServerSelectionTimeout);
            var pool = Native.mongoc_client_pool_new(uri);
            if (pool == 0) throw new MongoException("MONGODB_URL names something that the driver cannot use, such as TLS files that are not there.", 0);
            Native.mongoc_client_pool_set_error_api(pool, 2);
            Native.mongoc_client_pool_max_size(pool, (uint)options.MaxConcurrency);
            return (pool, Marshal.PtrToStringUTF8((nint)Native.mongoc_uri_get_database(uri)) is { Length: > 0 } name ? name : "curateme");
        }
        finally
        {
            Native.mongoc_uri_destroy(uri);
        }
    }

    // Whatever the URL says: a secondary may not have what was just stored, and money that its sums lack could be spent again.
    static void ReadFromPrimary(nint uri)
    {
        var primary = Native.mongoc_read_prefs_new(Native.ReadPrimary);
        Native.mongoc_uri_set_read_prefs_t(uri, primary);
        Native.mongoc_read_prefs_destroy(primary);
    }

    static void SetUnlessGiven(nint uri, string option, TimeSpan value)
    {
        if (!Native.mongoc_uri_has_option(uri, option)) Native.mongoc_uri_set_option_as_int32(uri, option, (int)value.TotalMilliseconds);
    }
}
