using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CurateMe.Client;

namespace CurateMe.Cli.Drills;

/// <summary>
/// A gateway of its own with throw-away stores and the built-in simulator for its providers, an org with a team and a key, and what a shell needs to run a
/// runbook's commands against it: the variables, and stand-ins for <c>ssh</c> and <c>docker</c> that do here what the commands would do there.
/// </summary>
sealed class DrillRig : IAsyncDisposable
{
    public const string Org = "org_drill";
    public const string Team = "team_drill";

    const string AdminToken = "drill-admin-token-0123456789";
    const string ChatPath = "/v1/openai/chat/completions";

    readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("cm-drill-");
    readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _gatewaySettings = new(StringComparer.Ordinal);
    readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { Timeout = TimeSpan.FromSeconds(100) };
    readonly Containers _containers;
    DrillProcess? _gateway;
    DrillProcess? _simulator;
    Uri _provider = new("http://127.0.0.1:1");
    DrillProcess? _redis;
    int _redisPort;

    DrillRig(string root)
    {
        Root = root;
        _containers = new Containers(this);
    }

    static string Dotnet => System.Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    /// <summary>The checkout.</summary>
    public string Root { get; }
    public string Runbooks => Path.Combine(Root, "docs", "runbooks");

    string DataDirectory => Path.Combine(_directory.FullName, "data");

    /// <summary>What commands find in their environment.</summary>
    public IReadOnlyDictionary<string, string> Environment => _environment;

    /// <summary>Stands between the gateway and MongoDB; null on the embedded stores.</summary>
    public TcpRelay? Mongo { get; private set; }

    /// <summary>Stands between the gateway and Redis; an operator's commands go to the server itself.</summary>
    public TcpRelay? Redis { get; private set; }
    public Uri Address { get; private set; } = new("http://127.0.0.1:1");
    public bool MongoRuns { get; private set; }
    public bool RedisRuns => _redis is { HasExited: false };

    /// <summary>What came to the webhook.</summary>
    public IReadOnlyCollection<string> Events => _containers.Events;
    public string GatewayOutput => _gateway?.Output ?? "";
    public AdminClient Admin => new(new HttpClient { BaseAddress = Address }, AdminToken, Org);
    public string this[string variable] { get => _environment[variable]; set => _environment[variable] = value; }

    /// <param name="mongoUrl">A database that may be written to and is dropped by the caller; null takes the embedded stores.</param>
    public static async Task<DrillRig> StartAsync(string root, string? mongoUrl)
    {
        var rig = new DrillRig(root);
        try
        {
            if (mongoUrl is not null)
            {
                await rig.StartStoresAsync(mongoUrl);
            }
            await rig.StartSimulatorAsync();
            rig.WriteStandIns();
            rig.SetEnvironment();
            await rig.StartGatewayAsync();
            await rig.MakeOrgAsync();
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>The checkout that this program was built in; null elsewhere.</summary>
    public static string? FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "CurateMe.slnx")))
        {
            directory = directory.Parent;
        }
        return directory?.FullName;
    }

    /// <summary>How a provider answers from here on, e.g. <c>{"latency_ms": 500, "only": "openai"}</c>; null as it should.</summary>
    public async Task SimulateAsync(string? behaviour)
    {
        using var content = behaviour is null ? null : new StringContent(behaviour, Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(behaviour is null ? HttpMethod.Delete : HttpMethod.Put, new Uri(_provider, "/_sim/behaviour")) { Content = content };
        using var answer = await _http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Stops the gateway and starts it again on its data, with these settings from here on.</summary>
    public async Task RestartGatewayAsync(IEnumerable<KeyValuePair<string, string>>? settings = null)
    {
        foreach (var (name, value) in settings ?? [])
        {
            _gatewaySettings[name] = value;
        }
        if (_gateway is { } running)
        {
            await running.StopAsync();
            await running.DisposeAsync();
        }
        await StartGatewayAsync();
    }

    /// <summary>kill -9.</summary>
    public async Task KillRedisAsync()
    {
        if (_redis is { } running)
        {
            await running.DisposeAsync();
        }
    }

    public async Task StartRedisAsync()
    {
        if (RedisRuns)
        {
            await KillRedisAsync();
        }
        var data = Directory.CreateDirectory(Path.Combine(_directory.FullName, "redis")).FullName;
        _redis = DrillProcess.Start(
            "redis-server",
            ["--bind", "127.0.0.1", "--port", $"{_redisPort}", "--dir", data, "--save", "", "--appendonly", "yes", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction"],
            data, new Dictionary<string, string>());
        await _redis.ListensAsync(_redisPort);
    }

    /// <summary>MongoDB breaks off and takes no more connections.</summary>
    public void StopMongo()
    {
        MongoRuns = false;
        Mongo!.Kill();
    }

    public void StartMongo()
    {
        Mongo!.Revive();
        MongoRuns = true;
    }

    /// <summary>Asks the admin plane; the answer as JSON.</summary>
    public async Task<JsonElement> AskAsync(HttpMethod method, string path, JsonNode? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
        request.Headers.Add("X-Org-ID", Org);
        request.Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonElement.Parse(text) : throw new DrillException($"{method} {path} was answered {(int)answer.StatusCode} {text}");
    }

    public Task PolicyAsync(string patch) => AskAsync(HttpMethod.Patch, $"/api/v1/admin/gateway/policy/{Org}", JsonNode.Parse(patch));

    /// <summary>One chat, as an application would ask for it.</summary>
    /// <param name="simulate">How the simulated provider answers, e.g. <c>output_tokens=50</c>.</param>
    /// <returns>The status, 0 when nothing answered, the error's code or "", and the headers.</returns>
    public async Task<ChatAnswer> ChatAsync(
        string? key = null, string model = "gpt-4o-mini", string prompt = "ping", int maxTokens = 20, string simulate = "output_tokens=5", string? session = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Address, ChatPath));
        request.Headers.Add("X-CM-API-Key", key ?? this["API_KEY"]);
        request.Headers.Add("X-Sim", simulate);
        if (session is not null)
        {
            request.Headers.Add("X-CM-Session-ID", session);
        }
        var body = new JsonObject { ["model"] = model, ["max_completion_tokens"] = maxTokens, ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = prompt }) };
        request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        try
        {
            using var answer = await _http.SendAsync(request);
            var text = await answer.Content.ReadAsStringAsync();
            var code = answer.IsSuccessStatusCode ? "" : JsonNode.Parse(text)?["error"]?["code"]?.GetValue<string>() ?? text;
            return new ChatAnswer((int)answer.StatusCode, code, text, answer.Headers.ToDictionary(static h => h.Key, static h => h.Value.First(), StringComparer.OrdinalIgnoreCase));
        }
        catch (HttpRequestException)
        {
            return new ChatAnswer(0, "", "", new Dictionary<string, string>());
        }
    }

    /// <summary>Many chats, some at once.</summary>
    public static Task ChatsAsync(int count, int atOnce, Func<int, Task<ChatAnswer>> chat) =>
        Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (i, _) => await chat(i));

    /// <summary>Makes a further key of the org.</summary>
    public async Task<(string Id, string Secret)> KeyAsync(string name)
    {
        var key = await AskAsync(HttpMethod.Post, "/api/v1/admin/keys", new JsonObject { ["org_id"] = Org, ["team_id"] = Team, ["name"] = name });
        return (key.GetProperty("key_id").GetString()!, key.GetProperty("key").GetString()!);
    }

    /// <summary>Commands of the drill itself, not of a runbook.</summary>
    public Task<ShellResult> ShellAsync(string commands) => Shell.RunAsync(commands, Root, _environment);

    public async ValueTask DisposeAsync()
    {
        _containers.Dispose();
        foreach (var process in (DrillProcess?[])[_gateway, _simulator])
        {
            if (process is not null)
            {
                await process.DisposeAsync();
            }
        }
        await KillRedisAsync();
        foreach (var relay in (TcpRelay?[])[Mongo, Redis])
        {
            if (relay is not null)
            {
                await relay.DisposeAsync();
            }
        }
        _http.Dispose();
        _directory.Delete(recursive: true);
    }

    async Task StartStoresAsync(string mongoUrl)
    {
        _redisPort = LoopbackPort.Free();
        await StartRedisAsync();
        var server = new Uri(mongoUrl);
        Mongo = new TcpRelay(server.Host, server.Port > 0 ? server.Port : 27017);
        MongoRuns = true;
        // Short patience, so that a drill does not wait for what is away longer than it must.
        var options = (server.Query.Length > 0 ? server.Query + "&" : "?") + "directConnection=true&serverSelectionTimeoutMS=500";
        var login = server.UserInfo.Length > 0 ? server.UserInfo + "@" : "";
        _gatewaySettings["MONGODB_URL"] = $"mongodb://{login}127.0.0.1:{Mongo.Port}{server.AbsolutePath}{options}";
        Redis = new TcpRelay("127.0.0.1", _redisPort);
        _gatewaySettings["REDIS_URL"] = $"redis://127.0.0.1:{Redis.Port}";
        this["REDIS_URL"] = $"redis://127.0.0.1:{_redisPort}";
    }

    // As the build lays it out beside this program.
    string GatewayAssembly()
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name;
        var assembly = Path.Combine(Root, "artifacts", "bin", "CurateMe.Gateway", configuration, "CurateMe.Gateway.dll");
        return File.Exists(assembly) ? assembly : throw new CannotAskException($"{assembly} is not there; build the gateway first: dotnet build -c Release");
    }

    async Task StartSimulatorAsync()
    {
        var port = LoopbackPort.Free();
        _provider = new Uri($"http://127.0.0.1:{port}");
        _simulator = DrillProcess.Start(Dotnet, [GatewayAssembly(), "simulate", "--urls", _provider.ToString().TrimEnd('/')], _directory.FullName, new Dictionary<string, string>());
        await _simulator.ListensAsync(port);
        foreach (var row in (string[])["openai", "groq"])
        {
            _gatewaySettings[$"Providers__{row}__BaseUrl"] = $"{_provider}{row}{(row == "groq" ? "/openai" : "")}/v1";
            _gatewaySettings[$"Providers__{row}__ApiKey"] = "sk-drill";
        }
    }

    async Task StartGatewayAsync()
    {
        var port = Address.Port > 1 ? Address.Port : LoopbackPort.Free();
        Address = new Uri($"http://127.0.0.1:{port}");
        this["CM_URL"] = Address.ToString().TrimEnd('/');
        _gateway = DrillProcess.Start(
            Dotnet,
            [GatewayAssembly(), "--urls", this["CM_URL"]],
            _directory.FullName,
            new Dictionary<string, string>(_gatewaySettings, StringComparer.Ordinal)
            {
                // What this process was started with is not the drill's.
                ["REDIS_URL"] = _gatewaySettings.GetValueOrDefault("REDIS_URL", ""),
                ["MONGODB_URL"] = _gatewaySettings.GetValueOrDefault("MONGODB_URL", ""),
                ["CM_DATA_DIR"] = DataDirectory,
                ["ADMIN_TOKEN"] = AdminToken,
                ["Journal__SegmentMegabytes"] = "4",
                ["Webhooks__AllowPrivateNetworks"] = "true",
                ["Webhooks__AllowHttp"] = "true",
            });
        await _gateway.ListensAsync(port);
    }

    async Task MakeOrgAsync()
    {
        await AskAsync(HttpMethod.Post, "/api/v1/admin/orgs", new JsonObject { ["org_id"] = Org, ["name"] = "Drill", ["tier"] = "enterprise" });
        await AskAsync(HttpMethod.Post, "/api/v1/admin/teams", new JsonObject { ["org_id"] = Org, ["team_id"] = Team, ["name"] = "Drill" });
        (this["KEY_ID"], this["API_KEY"]) = await KeyAsync("application");
    }

    void SetEnvironment()
    {
        this["ADMIN_TOKEN"] = AdminToken;
        this["ORG_ID"] = Org;
        this["CM_DATA_DIR"] = DataDirectory;
        this["DEPLOY_USER"] = "operator";
        this["PLATFORM_VPS_IP"] = "127.0.0.1";
        this["DRILL_DOCKER"] = _containers.Address;
        this["WEBHOOK_URL"] = _containers.WebhookUrl;
        this["PATH"] = $"{Path.Combine(_directory.FullName, "bin")}:{System.Environment.GetEnvironmentVariable("PATH")}";
    }

    void WriteStandIns()
    {
        var bin = Directory.CreateDirectory(Path.Combine(_directory.FullName, "bin")).FullName;
        Write("ssh", "shift\n[ $# = 0 ] && exit 0\nexec bash -c \"$*\"\n");
        Write("docker", "exec curl -sS --fail-with-body --get --data-urlencode \"call=$*\" \"$DRILL_DOCKER\"\n");

        void Write(string name, string script)
        {
            var path = Path.Combine(bin, name);
            File.WriteAllText(path, "#!/usr/bin/env bash\n" + script);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
    }
}

/// <param name="Status">0 when nothing answered.</param>
/// <param name="Code">The error's code; empty when there was none.</param>
sealed record ChatAnswer(int Status, string Code, string Body, IReadOnlyDictionary<string, string> Headers);
