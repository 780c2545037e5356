using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using CurateMe.Cli.Drills;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Pricing;
using CurateMe.Testing;
using CurateMe.Testing.Mongo;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Gateway.Tests.Shared;

/// <summary>Gateways in processes of their own on one Redis and one MongoDB, with a simulator for a provider.</summary>
sealed class Fleet : IAsyncDisposable
{
    const string AdminToken = "fleet-admin-token-0123456789";

    internal const string Token = AdminToken;

    readonly List<Replica> _replicas = [];
    readonly SocketsHttpHandler _sockets = new() { MaxConnectionsPerServer = 256 };

    Fleet(MongoDatabase mongo, RedisServer? redis, string redisUrl, SimulatorHost simulator)
    {
        (Mongo, Redis, RedisUrl, Simulator) = (mongo, redis!, redisUrl, simulator);
        Http = new HttpClient(_sockets, disposeHandler: false) { Timeout = TimeSpan.FromSeconds(100) };
    }

    internal MongoDatabase Mongo { get; }

    /// <summary>Between the gateways and MongoDB, where a test asked for it.</summary>
    internal MongoRelay? Relay { get; private init; }
    internal RedisServer Redis { get; }
    internal string RedisUrl { get; }
    internal SimulatorHost Simulator { get; }
    internal HttpClient Http { get; }
    internal IReadOnlyList<Replica> Replicas => _replicas;

    internal static async Task<Fleet> StartAsync(int replicas, RedisCluster? cluster = null, bool relay = false)
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        var mongo = await MongoServer.NewDatabaseAsync(Assert.Skip);
        var redis = cluster is null ? await RedisServer.StartAsync(new RedisServerSetup { Persistent = true }) : null;
        var fleet = new Fleet(mongo, redis, cluster?.Url ?? redis!.Url, await SimulatorHost.StartAsync())
        {
            Relay = relay ? new MongoRelay(mongo.Server) : null,
        };
        try
        {
            for (var i = 0; i < replicas; i++) fleet._replicas.Add(new Replica(fleet));
            await fleet._replicas[0].StartAsync(); // makes the indexes and the first org
            await Task.WhenAll(fleet._replicas.Skip(1).Select(static r => r.StartAsync()));
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    /// <summary>Every answer lacks usage and every policy charges the whole hold then: what a request costs is known beforehand.</summary>
    internal async Task ChargeWholeHoldsAsync()
    {
        using var set = await Http.PutAsync(new Uri(Simulator.BaseUrl("openai").Replace("/openai", "/_sim/behaviour", StringComparison.Ordinal)), JsonContent.Create(new { usage = "absent" }));
        Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync());
    }

    /// <summary>An org with a budget and one key.</summary>
    /// <returns>The key's secret.</returns>
    internal async Task<string> OrgAsync(string org, decimal? dailyBudget)
    {
        await AdminAsync(HttpMethod.Post, "/api/v1/admin/orgs", new { org_id = org, tier = "enterprise" });
        var policy = new JsonObject { ["on_missing_usage"] = "hold", ["monthly_budget"] = null };
        if (dailyBudget is { } budget) policy["daily_budget"] = budget;
        await AdminAsync(HttpMethod.Patch, $"/api/v1/admin/gateway/policy/{org}", policy);
        return (await AdminAsync(HttpMethod.Post, "/api/v1/admin/keys", new { org_id = org, name = "fleet" })).GetProperty("key").GetString()!;
    }

    internal async Task<JsonElement> AdminAsync(HttpMethod method, string path, object? body = null, string? org = null, int replica = 0)
    {
        using var request = new HttpRequestMessage(method, new Uri(_replicas[replica].Address, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
        if (org is not null) request.Headers.Add("X-Org-ID", org);
        if (body is not null) request.Content = JsonContent.Create(body);
        using var answer = await Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {(int)answer.StatusCode} {text}");
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement.Clone();
    }

    /// <summary>One chat; gives the status, 0 when the replica did not answer.</summary>
    internal async Task<HttpStatusCode> ChatAsync(int replica, string key)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_replicas[replica].Address, "/v1/openai/chat/completions"));
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            request.Content = JsonContent.Create(new { model = "gpt-4o-mini", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } });
            using var answer = await Http.SendAsync(request);
            await answer.Content.ReadAsByteArrayAsync();
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return default;
        }
    }

    /// <summary>Chats over all replicas, at most <paramref name="atOnce"/> under way.</summary>
    internal async Task<ConcurrentDictionary<HttpStatusCode, int>> ChatsAsync(string key, int count, int atOnce = 300)
    {
        ConcurrentDictionary<HttpStatusCode, int> answers = new();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (i, _) =>
            answers.AddOrUpdate(await ChatAsync(i % _replicas.Count, key), 1, static (_, n) => n + 1));
        return answers;
    }

    /// <summary>Spent and held of the org's day by the counters, in nano-dollars.</summary>
    internal async Task<(long Spent, long Held)> DayAsync(string org)
    {
        var costs = await AdminAsync(HttpMethod.Get, "/api/v1/admin/gateway/costs/daily", org: org);
        return (Nano(costs.GetProperty("daily_spend")), Nano(costs.GetProperty("daily_held")));
    }

    /// <summary>What the ledger has of an org: number of records and their sum, by source.</summary>
    internal async Task<List<(string Id, long Cost, string Source)>> RecordsAsync(string org)
    {
        List<(string, long, string)> records = [];
        for (string? cursor = null; ;)
        {
            var page = await AdminAsync(HttpMethod.Get, $"/api/v1/admin/gateway/usage?limit=1000&sort=time_asc{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}", org: org);
            foreach (var record in page.GetProperty("data").EnumerateArray())
            {
                records.Add((record.GetProperty("request_id").GetString()!, record.GetProperty("cost_nano_usd").GetInt64(), record.GetProperty("usage_source").GetString()!));
            }
            cursor = page.GetProperty("next_cursor").GetString();
            if (cursor is null) return records;
        }
    }

    /// <summary>Waits, for at most a minute, until no record is on its way to the ledger.</summary>
    internal async Task RecordedAsync()
    {
        var last = "";
        await UntilAsync(
            async () =>
            {
                for (var i = 0; i < _replicas.Count; i++)
                {
                    var health = await HealthAsync(i);
                    last = health.ToString();
                    if (health.GetProperty("dlq_depth").GetInt64() != 0 || health.GetProperty("queue_depth").GetInt64() != 0) return false;
                }
                return true;
            },
            () => last);
    }

    /// <summary>Waits until both stores are there, nothing is held or waits, and the counters say what the ledger says.</summary>
    /// <returns>The org's records.</returns>
    internal async Task<List<(string Id, long Cost, string Source)>> SettledAsync(string org)
    {
        (long Spent, long Held) day = default;
        List<(string Id, long Cost, string Source)> records = [];
        var last = "";
        await UntilAsync(
            async () =>
            {
                try
                {
                    for (var i = 0; i < _replicas.Count; i++)
                    {
                        var health = await HealthAsync(i);
                        last = health.ToString();
                        if (health.GetProperty("status").GetString() != "healthy" || health.GetProperty("dlq_depth").GetInt64() != 0 || health.GetProperty("queue_depth").GetInt64() != 0) return false;
                    }
                    day = await DayAsync(org);
                    records = await RecordsAsync(org);
                    return day.Held == 0 && day.Spent == records.Sum(static r => r.Cost);
                }
                catch (Exception e) when (e is HttpRequestException or Xunit.Sdk.XunitException)
                {
                    last = e.Message;
                    return false;
                }
            },
            () => $"counters {day}, ledger {records.Sum(static r => r.Cost)} in {records.Count} records; {last}",
            TimeSpan.FromMinutes(3),
            async () => string.Join('\n', [await HoldsAsync(org), .. await Task.WhenAll(_replicas.Select(StoryAsync))]));
        return records;
    }

    // What is held, by whom, and whether the provider was asked.
    async Task<string> HoldsAsync(string org)
    {
        if (Redis is null) return "";
        await using var client = await Redis.ConnectAsync();
        var holds = await client.ExecuteAsync(["HGETALL", $"gateway:holds:{{{org}}}"], CancellationToken.None);
        var lines = new List<string>();
        for (var i = 0; i + 1 < holds.Count; i += 2)
        {
            var id = holds[i].AsString()!;
            var left = await client.ExecuteAsync(["ZSCORE", $"gateway:expiry:{{{org}}}", id], CancellationToken.None);
            lines.Add($"hold {id} until {left.AsString()}: billed {Simulator.Bill.Entries.Any(e => e.RequestId == id)}; {string.Concat(System.Text.Encoding.Latin1.GetString(holds[i + 1].AsSpan()).Where(c => c is >= ' ' and < (char)127))}");
        }
        lines.Add((await client.ExecuteAsync(["HGETALL", $"gateway:state:{{{org}}}"], CancellationToken.None)).ToString());
        return string.Join('\n', lines);
    }

    // What a replica knows of why something does not come true.
    async Task<string> StoryAsync(Replica replica)
    {
        var at = _replicas.IndexOf(replica);
        try
        {
            return $"replica {at}: {await HealthAsync(at)}\n{await AdminAsync(HttpMethod.Get, "/gateway/admin/errors?source=gateway", replica: at)}\n{replica.Output[^Math.Min(replica.Output.Length, 1000)..]}";
        }
        catch (Exception e) when (e is HttpRequestException or Xunit.Sdk.XunitException)
        {
            return $"replica {at}: {e.Message}\n{replica.Output}";
        }
    }

    /// <summary>Whatever the simulator billed is in the ledger, at the bill's cost or, where presumed, not below it.</summary>
    internal void AssertBilled(IReadOnlyList<(string Id, long Cost, string Source)> records, string context)
    {
        var byId = records.ToDictionary(static r => r.Id, StringComparer.Ordinal);
        foreach (var line in Simulator.Bill.Entries)
        {
            Assert.True(byId.TryGetValue(line.RequestId!, out var record), $"{context}: billed, not in the ledger: {line}");
            var billed = PriceList.BuiltIn.Find(line.Provider, line.Model)!.Cost(line.Units.ToUsageCounts(), ServiceTier.Standard).CeilToNano().Value;
            Assert.True(record.Source == "provider" ? record.Cost == billed : record.Cost >= billed, $"{context}: {record} but billed {billed}");
        }
    }

    internal async Task<JsonElement> HealthAsync(int replica) =>
        JsonDocument.Parse(await Http.GetStringAsync(new Uri(_replicas[replica].Address, "/health"))).RootElement.Clone();

    /// <summary>Waits until it comes true, for at most a minute, or as long as said.</summary>
    internal static async Task UntilAsync(Func<Task<bool>> condition, Func<string> what, TimeSpan? most = null, Func<Task<string>>? story = null)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(100))
        {
            if (waited.Elapsed > (most ?? TimeSpan.FromMinutes(1))) throw new TimeoutException($"Waited in vain: {what()}{(story is null ? "" : "\n" + await story())}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
        Http.Dispose();
        _sockets.Dispose();
        await Simulator.DisposeAsync();
        if (Redis is not null) await Redis.DisposeAsync();
        if (Relay is not null) await Relay.DisposeAsync();
        await Mongo.DisposeAsync();
    }

    static long Nano(JsonElement dollars) => (long)(dollars.GetDecimal() * 1_000_000_000m);

    /// <summary>One gateway; it may be killed and started again on its data.</summary>
    internal sealed class Replica(Fleet fleet) : IAsyncDisposable
    {
        readonly TemporaryDirectory _data = new();
        readonly ConcurrentQueue<string> _lines = new();
        Process? _process;

        internal Uri Address { get; private set; } = new("http://127.0.0.1:1");

        internal string Output => string.Join('\n', _lines);

        /// <summary>Resident memory, in MiB.</summary>
        internal long ResidentMiB
        {
            get
            {
                _process!.Refresh();
                return _process.WorkingSet64 >> 20;
            }
        }

        internal async Task StartAsync()
        {
            Address = new Uri($"http://127.0.0.1:{LoopbackPort.Free()}");
            var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
            var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
                WorkingDirectory = _data.Path,
                ArgumentList = { Path.Combine(here.Parent!.Parent!.FullName, "CurateMe.Gateway", here.Name, "CurateMe.Gateway.dll"), "--urls", Address.ToString().TrimEnd('/') },
            };
            foreach (var (name, value) in new Dictionary<string, string>
            {
                ["REDIS_URL"] = fleet.RedisUrl,
                ["MONGODB_URL"] = fleet.Relay is { } between ? fleet.Mongo.UrlThrough(between.Port) : fleet.Mongo.Url,
                ["CM_DATA_DIR"] = Path.Combine(_data.Path, "data"),
                ["ADMIN_TOKEN"] = AdminToken,
                ["Providers__openai__BaseUrl"] = fleet.Simulator.BaseUrl("openai") + "/v1",
                ["Providers__openai__ApiKey"] = "sk-fleet",
                ["Journal__SegmentMegabytes"] = "4",
                ["CM_MASTER_KEY"] = "YS1rZXktdGhhdC1hbGwtb2YtYS1mbGVldC1zaGFyZXM=",
                ["Webhooks__AllowPrivateNetworks"] = "true",
                ["Webhooks__AllowHttp"] = "true",
                ["Alerts__SweepSeconds"] = "1",
            })
            {
                start.Environment[name] = value;
            }
            _process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
            _process.OutputDataReceived += (_, e) => _lines.Enqueue(e.Data ?? "");
            _process.ErrorDataReceived += (_, e) => _lines.Enqueue(e.Data ?? "");
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
            await UntilAsync(
                async () =>
                {
                    if (_process.HasExited) throw new InvalidOperationException("The gateway ended: " + Output);
                    try
                    {
                        return (await fleet.Http.GetAsync(new Uri(Address, "/health/ready"))).IsSuccessStatusCode;
                    }
                    catch (HttpRequestException)
                    {
                        return false;
                    }
                },
                () => "a gateway is ready; it printed " + Output);
        }

        /// <summary>kill -9.</summary>
        internal async Task KillAsync()
        {
            if (_process is null) return;
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }

        public async ValueTask DisposeAsync()
        {
            await KillAsync();
            _data.Dispose();
        }
    }
}
