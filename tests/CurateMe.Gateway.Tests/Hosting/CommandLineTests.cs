using System.Text.RegularExpressions;
using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.Hosting;
using Xunit;

namespace CurateMe.Gateway.Tests.Hosting;

/// <summary>Switches that there are are taken in every form; others stop the start.</summary>
public sealed partial class CommandLineTests
{
    [Theory]
    [InlineData("--urls http://127.0.0.1:1", false, "--urls=http://127.0.0.1:1")]
    [InlineData("--demo --urls=http://127.0.0.1:1", true, "--urls=http://127.0.0.1:1")]
    [InlineData("--urls http://127.0.0.1:1 --demo", true, "--urls=http://127.0.0.1:1")]
    [InlineData("--Forward:Retries 1 --forward:maxbodybytes=2048", false, "--Forward:Retries=1 --forward:maxbodybytes=2048")]
    [InlineData("--CM_DATA_DIR /tmp/x --Jwt:Roles:gateway-admins=platform_admin", false, "--CM_DATA_DIR=/tmp/x --Jwt:Roles:gateway-admins=platform_admin")]
    [InlineData("--Providers:own:BaseUrl http://llm/v1?a=b --Logging:LogLevel:Default Debug", false, "--Providers:own:BaseUrl=http://llm/v1?a=b --Logging:LogLevel:Default=Debug")]
    [InlineData("CM_DATA_DIR=/tmp/x --ADMIN_TOKEN=", false, "--CM_DATA_DIR=/tmp/x --ADMIN_TOKEN=")]
    public void Switches_ThatThereAre_AreTaken(string args, bool demo, string settings)
    {
        var (line, faults) = Read(args);
        Assert.Empty(faults);
        Assert.Equal((demo, settings), (line.Demo, string.Join(' ', line.Settings)));
    }

    [Theory]
    [InlineData("--dmeo --urls http://127.0.0.1:1", "--dmeo cannot be set: ")]
    [InlineData("--dmeo secret --urls http://127.0.0.1:1", "--dmeo cannot be set: ")]
    [InlineData("--Forward:Retreis=secret", "--Forward:Retreis cannot be set: ")]
    [InlineData("--Forward__Retries=1 --demo=true", "--Forward__Retries, --demo cannot be set: ")]
    [InlineData("--urls --demo", "--urls is without a value")]
    [InlineData("--demo secret", "Argument 2 is neither ")]
    [InlineData("-urls=secret", "Argument 1 is neither ")]
    [InlineData("secret== --demo", "Argument 1 is neither ")]
    public void Switches_ThatThereAreNot_AreNamed(string args, string fault)
    {
        var told = Assert.Single(Read(args).Faults);
        Assert.StartsWith(fault, told, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", told, StringComparison.Ordinal);
        Assert.Equal(fault.Contains("cannot be set", StringComparison.Ordinal), told.Contains("there is --demo, and with a value --urls, ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--dmeo", " Did you mean --demo?")]
    [InlineData("--Forward:Retreis=1 --Providers:openai:ApiKy=x", " Did you mean --Forward:Retries, --Providers:openai:ApiKey?")]
    public void Switches_ThatAreNearlyRight_AreToldHowTheyAreWritten(string args, string told) => Assert.EndsWith(told, Assert.Single(Read(args).Faults), StringComparison.Ordinal);

    [Fact]
    public void Settings_ThatAreDocumented_AreAllKnown()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "CurateMe.slnx")))
        {
            directory = directory.Parent!;
        }
        List<string> names = [];
        foreach (var row in File.ReadLines(Path.Combine(directory.FullName, "docs", "reference", "configuration.md")).Where(static l => l.StartsWith("| `", StringComparison.Ordinal)))
        {
            var first = "";
            foreach (var name in Quoted().Matches(row.Split(" | ")[0]).Select(static m => m.Groups[1].Value).Where(static n => !n.StartsWith("--", StringComparison.Ordinal) && n != "ASPNETCORE_URLS"))
            {
                first = name.StartsWith("__", StringComparison.Ordinal) ? first : name;
                names.Add(name == first ? name : first[..first.LastIndexOf("__", StringComparison.Ordinal)] + name);
            }
        }
        Assert.True(names.Count > 30, $"only {names.Count} names");
        Assert.DoesNotContain(names, static n => !KnownSettings.Has(n.Replace("__", ":", StringComparison.Ordinal)));
    }

    static (CommandLine Line, IReadOnlyList<string> Faults) Read(string args)
    {
        var faults = new ConfigurationFaults();
        var line = CommandLine.Read(args.Split(' '), faults);
        try
        {
            faults.ThrowIfAny();
            return (line, []);
        }
        catch (ConfigurationException e)
        {
            return (line, e.Faults);
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
