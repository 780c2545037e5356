using Xunit;

namespace CurateMe.Resp.Tests;

public sealed class RespOptionsTests
{
    [Fact]
    public void Parse_OneServer_ReadsEveryPart()
    {
        var options = RespOptions.Parse("redis://al%40ice:p%2Fw%3A@cache.example:6380/5");
        Assert.Equal([new("cache.example", 6380)], options.Addresses);
        Assert.Equal("al@ice", options.User);
        Assert.Equal("p/w:", options.Password);
        Assert.Equal(5, options.Database);
        Assert.False(options.Tls);
        Assert.False(options.Cluster);
    }

    [Theory]
    [InlineData("redis://h", "h:6379")]
    [InlineData("redis://h/", "h:6379")]
    [InlineData("redis://[::1]:7", "[::1]:7")]
    [InlineData("redis://[::1]", "[::1]:6379")]
    [InlineData("REDIS://h:1", "h:1")]
    public void Parse_Address_HasADefaultPort(string text, string address)
    {
        var options = RespOptions.Parse(text);
        Assert.Equal(address, Assert.Single(options.Addresses).ToString());
        Assert.Null(options.User);
        Assert.Null(options.Password);
    }

    [Theory]
    [InlineData("rediss://:pw@a:7000,b:7001,[::2]:7002")]
    [InlineData("rediss://:pw@a:7000, rediss://b:7001, rediss://[::2]:7002")]
    public void Parse_Nodes_IsACluster(string text)
    {
        var options = RespOptions.Parse(text);
        Assert.True(options.Cluster);
        Assert.True(options.Tls);
        Assert.Equal("pw", options.Password);
        Assert.Null(options.User);
        Assert.Equal([new("a", 7000), new("b", 7001), new("::2", 7002)], options.Addresses);
    }

    [Fact]
    public void Parse_OneNodeMarkedAsCluster_IsACluster() => Assert.True(RespOptions.Parse("redis://h:7000?cluster=true").Cluster);

    [Theory]
    [InlineData("")]
    [InlineData("localhost:6379")]
    [InlineData("http://h")]
    [InlineData("redis://")]
    [InlineData("redis://h:0")]
    [InlineData("redis://h:65536")]
    [InlineData("redis://h:x")]
    [InlineData("redis://h:-1")]
    [InlineData("redis://h/x")]
    [InlineData("redis://h/-1")]
    [InlineData("redis://h?timeout=3")]
    [InlineData("redis://[::1")]
    [InlineData("redis://hunter2@h")]
    [InlineData("redis://:hunter2@h:x")]
    [InlineData("redis://:hunter2@a b")]
    [InlineData("redis://a:1,,b:2")]
    [InlineData("redis://a:1,rediss://b:2")]
    public void Parse_Malformed_ThrowsWithoutQuotingIt(string text)
    {
        var error = Assert.Throws<FormatException>(() => RespOptions.Parse(text));
        Assert.DoesNotContain("hunter2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_ClusterWithADatabase_Throws() => Assert.Throws<ArgumentException>(() => RespOptions.Parse("redis://a:1,b:2/3"));

    [Fact]
    public void Validate_ManyErrors_NamesThemAll()
    {
        var options = new RespOptions { Addresses = [], CommandTimeout = TimeSpan.Zero, MaxPendingCommands = 0, ClientName = "a b", Limits = new() { MaxDepth = 0 } };
        var message = Assert.Throws<ArgumentException>(options.Validate).Message;
        foreach (var name in (string[])["Addresses", "CommandTimeout", "MaxPendingCommands", "ClientName", "MaxDepth"])
            Assert.Contains(name, message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToString_DoesNotShowThePassword()
    {
        var options = RespOptions.Parse("redis://alice:hunter2@h:1");
        Assert.Equal("redis://h:1", options.ToString());
    }
}
