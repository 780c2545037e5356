using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace CurateMe.Cli.Drills;

/// <summary>
/// What the stand-in for <c>docker</c> asks: the containers of a runbook are the processes of the rig. Knows <c>ps</c>, <c>restart</c>, <c>logs --tail</c> and the ping
/// by <c>mongosh</c>; everything else is refused, so that a runbook cannot rely on what was never tried. Beside it, a webhook's receiver.
/// </summary>
sealed class Containers : IDisposable
{
    const string Gateway = "curateme-backend-gateway";
    const string Redis = "curateme-redis";
    const string Mongo = "curateme-mongo";

    readonly HttpListener _listener = new();
    readonly ConcurrentQueue<string> _events = new();
    readonly DrillRig _rig;

    public Containers(DrillRig rig)
    {
        _rig = rig;
        Address = $"http://127.0.0.1:{LoopbackPort.Free()}/";
        _listener.Prefixes.Add(Address);
        _listener.Start();
        _ = ServeAsync();
    }

    public string Address { get; }

    /// <summary>A webhook that takes everything.</summary>
    public string WebhookUrl => Address + "hook";

    /// <summary>Bodies that came to the webhook.</summary>
    public IReadOnlyCollection<string> Events => _events;

    public void Dispose() => ((IDisposable)_listener).Dispose();

    async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            if (context.Request.Url?.AbsolutePath == "/hook")
            {
                using var reader = new StreamReader(context.Request.InputStream);
                _events.Enqueue(await reader.ReadToEndAsync());
                context.Response.Close();
                continue;
            }
            var (ok, text) = await AnswerAsync(context.Request.QueryString["call"] ?? "");
            context.Response.StatusCode = ok ? 200 : 500;
            context.Response.Close(Encoding.UTF8.GetBytes(text + "\n"), willBlock: true);
        }
    }

    async Task<(bool Ok, string Text)> AnswerAsync(string call)
    {
        switch (call)
        {
            case "ps":
                List<string> lines = ["NAMES", Gateway];
                lines.AddRange(_rig.RedisRuns ? [Redis] : []);
                lines.AddRange(_rig.MongoRuns ? [Mongo] : []);
                return (true, string.Join('\n', lines));
            case $"restart {Redis}":
                await _rig.StartRedisAsync();
                return (true, Redis);
            case $"restart {Mongo}" when _rig.Mongo is not null:
                _rig.StartMongo();
                return (true, Mongo);
            case $"restart {Gateway}":
                await _rig.RestartGatewayAsync();
                return (true, Gateway);
            case $"logs {Gateway} --tail=50":
                return (true, string.Join('\n', _rig.GatewayOutput.Split('\n').TakeLast(50)));
            case $"exec {Mongo} mongosh --eval db.runCommand({{ping:1}})":
                return await MongoPing.TryAsync(_rig.Mongo) ? (true, "{ ok: 1 }") : (false, "MongoNetworkError: connect ECONNREFUSED");
            default:
                return (false, $"the drill has no docker {call}");
        }
    }
}
