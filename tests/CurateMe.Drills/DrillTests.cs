using CurateMe.Cli.Drills;
using CurateMe.Testing.Mongo;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Drills;

/// <summary>The runbooks, run: real servers, the fault, the documented symptoms, the commands out of the Markdown, the documented recovery.</summary>
public sealed class DrillTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names => [.. AllDrills.List.Select(static d => d.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Drill_GoesAsTheRunbookSays(string name)
    {
        var drill = AllDrills.Find(name)!;
        foreach (var program in (string[])["bash", "curl", "jq"])
        {
            Assert.SkipUnless(IsOnPath(program), $"{program} is not installed");
        }
        if (!drill.Shared)
        {
            await RunAsync(drill, mongoUrl: null);
            return;
        }
        Assert.SkipUnless(RedisServer.IsInstalled && IsOnPath("redis-cli"), RedisServer.Missing);
        await using var mongo = await MongoServer.NewDatabaseAsync(Assert.Skip);
        await RunAsync(drill, mongo.Url);
    }

    async Task RunAsync(Drill drill, string? mongoUrl)
    {
        await using var rig = await DrillRig.StartAsync(DrillRig.FindRoot()!, mongoUrl);
        try
        {
            await DrillRun.RunAsync(drill, rig, output.WriteLine);
        }
        catch (Exception e) when (e is DrillException or HttpRequestException)
        {
            Assert.Fail($"{e.Message}\n--- the gateway printed\n{rig.GatewayOutput}");
        }
    }

    static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(directory => File.Exists(Path.Combine(directory, program)));
}
