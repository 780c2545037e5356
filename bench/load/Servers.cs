using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using CurateMe.Cli.Drills;

namespace CurateMe.Bench.Load;

/// <summary>Starts everything that is measured, each in its own process on its own free port of the loopback address.</summary>
sealed class Servers(BenchOptions options) : IAsyncDisposable
{
    const string AdminToken = "bench-admin-token-of-some-length";
    const string ChatPath = "/openai/v1/chat/completions";

    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("curateme-bench-");
    readonly List<Target> targets = [];

    SharedStores? shared;

    /// <param name="withShared">Also a gateway on Redis and MongoDB, where both are to be had.</param>
    public async Task<IReadOnlyList<Target>> StartAsync(bool withShared = false)
    {
        var upstream = LoopbackPort.Free();
        targets.Add(new Target("direct", Start("dotnet", [options.Gateway, "simulate", .. options.Paced ? Array.Empty<string>() : ["--fast"], "--bill", "none", "--urls", $"http://127.0.0.1:{upstream}"]), Url(upstream), ChatPath));
        await WaitAsync(upstream);
        targets.Add(await NginxAsync(upstream));
        targets.Add(await ForwarderAsync(upstream));
        targets.Add(await GatewayAsync("CurateMe Gateway", upstream, []));
        if (withShared && (shared = await SharedStores.StartAsync()) is not null)
        {
            targets.Add(await GatewayAsync("the same on Redis and MongoDB", upstream, shared.Addresses));
        }
        return targets;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var target in Enumerable.Reverse(targets))
        {
            target.Dispose();
        }
        if (shared is not null)
        {
            await shared.DisposeAsync();
        }
        directory.Delete(recursive: true);
    }

    async Task<Target> NginxAsync(int upstream)
    {
        var port = LoopbackPort.Free();
        var configuration = Path.Combine(directory.FullName, "nginx.conf");
        await File.WriteAllTextAsync(configuration, $$"""
            daemon off; master_process off; pid {{directory.FullName}}/nginx.pid; error_log /dev/null; worker_processes 1;
            events { worker_connections 16384; }
            http {
              access_log off; keepalive_requests 1000000; client_body_buffer_size 64k;
              client_body_temp_path {{directory.FullName}}/body; proxy_temp_path {{directory.FullName}}/proxy;
              fastcgi_temp_path {{directory.FullName}}/f; uwsgi_temp_path {{directory.FullName}}/u; scgi_temp_path {{directory.FullName}}/s;
              upstream up { server 127.0.0.1:{{upstream}}; keepalive 512; keepalive_requests 1000000; }
              server { listen 127.0.0.1:{{port}} backlog=4096; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }
            }
            """);
        var process = Start("nginx", ["-c", configuration, "-e", "/dev/null"]);
        await WaitAsync(port);
        return new Target("nginx", process, Url(port), ChatPath);
    }

    static async Task<Target> ForwarderAsync(int upstream)
    {
        var port = LoopbackPort.Free();
        var process = Start("dotnet", [typeof(Servers).Assembly.Location, "forwarder", $"http://127.0.0.1:{upstream}", $"http://127.0.0.1:{port}"]);
        await WaitAsync(port);
        return new Target("smallest .NET forwarder", process, Url(port), ChatPath);
    }

    async Task<Target> GatewayAsync(string name, int upstream, Dictionary<string, string> stores)
    {
        var port = LoopbackPort.Free();
        var process = Start("dotnet", [options.Gateway, "--urls", $"http://127.0.0.1:{port}"], new(stores)
        {
            ["CM_DATA_DIR"] = Path.Combine(directory.FullName, $"data-{targets.Count}"),
            ["ADMIN_TOKEN"] = AdminToken,
            ["Providers__openai__BaseUrl"] = $"http://127.0.0.1:{upstream}/openai/v1",
            ["Providers__openai__ApiKey"] = "sk-bench",
        });
        await WaitAsync(port);
        var target = new Target(name, process, Url(port), "/v1/openai/chat/completions");
        target.Headers["Authorization"] = "Bearer " + await KeyAsync(target.Address);
        return target;
    }

    // Every budget is on: org, team and key, day and month, and the rate limit.
    static async Task<string> KeyAsync(Uri address)
    {
        using var admin = new HttpClient { BaseAddress = address };
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminToken);
        await AskAsync(admin, HttpMethod.Post, "/api/v1/admin/orgs", new { org_id = "org_bench", name = "bench", tier = "enterprise" });
        await AskAsync(admin, HttpMethod.Patch, "/api/v1/admin/gateway/policy/org_bench", new { daily_budget = 1_000_000, monthly_budget = 1_000_000, rate_limit_rpm = 10_000_000 });
        var team = await AskAsync(admin, HttpMethod.Post, "/api/v1/admin/teams", new { org_id = "org_bench", name = "bench", daily_budget = 1_000_000, monthly_budget = 1_000_000 });
        var key = await AskAsync(admin, HttpMethod.Post, "/api/v1/admin/keys", new
        {
            org_id = "org_bench",
            team_id = team.GetProperty("team_id").GetString(),
            name = "bench",
            daily_budget = 1_000_000,
            monthly_budget = 1_000_000,
        });
        return key.GetProperty("key").GetString()!;
    }

    static async Task<JsonElement> AskAsync(HttpClient admin, HttpMethod method, string path, object body)
    {
        using var answer = await admin.SendAsync(new HttpRequestMessage(method, path) { Content = JsonContent.Create(body) });
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonDocument.Parse(text).RootElement.Clone() : throw new InvalidOperationException($"{method} {path}: {(int)answer.StatusCode} {text}");
    }

    static Process Start(string command, IReadOnlyList<string> arguments, Dictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var (name, value) in environment ?? [])
        {
            start.Environment[name] = value;
        }
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{command} did not start");
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, e) => Console.Error.WriteLine(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    static async Task WaitAsync(int port)
    {
        for (var i = 0; i < 600; i++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(50);
            }
        }
        throw new InvalidOperationException($"nothing listens on port {port}");
    }

    static Uri Url(int port) => new($"http://127.0.0.1:{port}");
}
