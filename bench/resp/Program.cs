using System.Globalization;
using CurateMe.Bench.Resp;
using CurateMe.Testing.Redis;

// The client against redis-benchmark: the same script, the same server, the same machine, one after the other. Rates depend on the machine, ratios hardly do.
//   dotnet run -c Release --project bench/resp [-- COMMANDS]
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
foreach (var callers in (int[])[1, 8, 64, 256])
{
    var own = await LoadRunner.RunAsync(client, callers, commands / 2);
    var peer = await PeerRunner.RunAsync(server.Port, callers, commands);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{callers,7} | {own.Rate,9:0} | {peer,18:0} | {own.Rate / peer,5:0.00} | {own.CpuMicroseconds,25:0.0} | {2 * own.CpuMicroseconds,8:0.0} | {own.Bytes,17:0}"));
}
return 0;
