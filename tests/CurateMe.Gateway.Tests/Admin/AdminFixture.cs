using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>One host for the tests of a class; each test makes orgs of its own.</summary>
public sealed class AdminFixture : IAsyncLifetime
{
    internal AdminHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await AdminHost.StartAsync();

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
