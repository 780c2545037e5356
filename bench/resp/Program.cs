using System.Globalization;
using CurateMe.Bench.Resp;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Redis;
using CurateMe.Testing.Redis;

// The client against redis-benchmark: the same script, the same server, the same machine, one after the other. Rates depend on the machine, ratios hardly do.
//   dotnet run -c Release --project bench/resp [-- COMMANDS [CALLERS]]     with CALLERS only the holds, by so many callers: to profile
// As the gateway runs: what follows a reply runs where it is read. The runtime reads its variable when the first socket is made.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
if (!RedisServer.IsInstalled)
{
    Console.Error.WriteLine(RedisServer.Missing);
    return 2;
}
var commands = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 100_000;
await using var server = await RedisServer.StartAsync();
await using var client = await server.ConnectAsync();
await LoadRunner.RunAsync(client, callers: 16, pairs: commands / 4); // warm: JIT, pools, the script

Console.WriteLine($"EVALSHA, {HoldScript.Keys} keys and {HoldScript.Args} arguments; {commands} commands a run; {Environment.ProcessorCount} cores shared with the server");
Console.WriteLine("callers | client /s | redis-benchmark /s | ratio | client CPU µs per command | per pair | bytes per command");
int[] only = args.Length > 1 ? [int.Parse(args[1], CultureInfo.InvariantCulture)] : [];
foreach (var callers in (int[])(only.Length > 0 ? [] : [1, 8, 64, 256]))
{
    var own = await LoadRunner.RunAsync(client, callers, commands / 2);
    var peer = await PeerRunner.RunAsync(server.Port, callers, commands);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{callers,7} | {own.Rate,9:0} | {peer,18:0} | {own.Rate / peer,5:0.00} | {own.CpuMicroseconds,25:0.0} | {2 * own.CpuMicroseconds,8:0.0} | {own.Bytes,17:0}"));
}

Console.WriteLine();
Console.WriteLine("A hold at four nodes and its settlement, one after the other");
Console.WriteLine("callers | counters   | pairs /s | CPU µs per pair | more than in process | commands per pair | server µs per pair | bytes per pair");
RedisCounters? opening = null;
await using var shared = new RedisCounters(client, new RedisCounterOptions { Replica = "bench", Inline = true, Rebuild = async (org, epoch, ct) => await opening!.OpenAsync(org, epoch, ct) }, TimeProvider.System);
opening = shared;
await using var embedded = new InProcessCounters(TimeProvider.System);
foreach (var callers in (int[])(only.Length > 0 ? only : [1, 8, 64, 256]))
{
    var local = 0.0;
    foreach (var (name, store) in new (string, ICounterStore)[] { ("in process", embedded), ("Redis", shared) })
    {
        await CountersRunner.RunAsync(store, callers, commands / 5);
        var before = await CommandsAsync();
        var load = await CountersRunner.RunAsync(store, callers, commands / 5);
        var after = await CommandsAsync();
        var (sent, busy) = ((after.Calls - before.Calls) / (commands / 5.0), (after.Micros - before.Micros) / (commands / 5.0));
        local = store == embedded ? load.CpuMicroseconds : local;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{callers,7} | {name,-10} | {load.Rate,8:0} | {load.CpuMicroseconds,15:0.0} | {load.CpuMicroseconds - local,20:0.0} | {sent,17:0.00} | {busy,18:0.0} | {load.Bytes,14:0}"));
    }
}
return 0;

// Scripts that the client sent, and how long the server was at them; those inside them do not count.
async Task<(long Calls, long Micros)> CommandsAsync()
{
    var stats = (await client.ExecuteAsync(["INFO", "commandstats"])).AsString()!;
    var scripts = stats.Split("\r\n").Where(static l => l.StartsWith("cmdstat_eval", StringComparison.Ordinal)).ToList();
    return (scripts.Sum(static l => Figure(l, "calls=")), scripts.Sum(static l => Figure(l, "usec=")));
}

static long Figure(string line, string name) => long.Parse(line.Split(name)[1].Split(',')[0], CultureInfo.InvariantCulture);
