using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC04_DenialNamesItsNode
{
    // A cent a token and nothing for the prompt, so that the figures of the contract can be had.
    const string Prices = """
        { "models": [ { "provider": "openai", "model": "sim-cent", "mode": "chat", "source": "test", "as_of": "2026-01-01",
            "max_input_tokens": 100000, "max_output_tokens": 32768, "prices": { "per_million_tokens": { "input": 0, "output": 10000 } } } ] }
        """;

    [Theory]
    [InlineData("org", false, "daily_budget", "GW_COST_002", "Daily budget exhausted")]
    [InlineData("org", true, "monthly_budget", "GW_COST_003", "Monthly budget exhausted")]
    [InlineData("team", false, "team_daily_budget", "GW_COST_004", "Daily budget of team team_a exhausted")]
    [InlineData("team", true, "team_monthly_budget", "GW_COST_004", "Monthly budget of team team_a exhausted")]
    [InlineData("key", false, "key_daily_budget", "GW_COST_004", "Daily budget of key key_a exhausted")]
    [InlineData("key", true, "key_monthly_budget", "GW_COST_004", "Monthly budget of key key_a exhausted")]
    public async Task Denied_ByOneNodeAlone_SaysWhichWithTheFigures(string node, bool month, string code, string gatewayCode, string words)
    {
        using var directory = new TemporaryDirectory();
        var prices = Path.Combine(directory.Path, "prices.json");
        await File.WriteAllTextAsync(prices, Prices);
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["CM_PRICES"] = prices });
        NanoUsd? Limit(string of, bool ofMonth) => of == node && ofMonth == month ? NanoUsd.FromDollars(25) : null;
        var policy = new PolicyDocument { DailyBudget = new MoneyLimit(Limit("org", false)), MonthlyBudget = new MoneyLimit(Limit("org", true)), MaxCostPerRequest = MoneyLimit.Unlimited };
        var key = await rig.KeyAsync(
            "org_a", policy, "key_a", k => k with { DailyBudget = Limit("key", false), MonthlyBudget = Limit("key", true) }, AC01_ExactlyAsManyAsFit.Team("team_a", Limit("team", false), Limit("team", true)));
        var spent = await rig.AskAsync(key, Chat.Body(2450, model: "sim-cent"), sim: "output_tokens=2450");
        Assert.True(spent.Status == 200 && spent.Cost == NanoUsd.Parse("24.5"), spent.ToString());

        var answer = await rig.AskAsync(key, Chat.Body(85, model: "sim-cent"));

        await rig.AssertRefusedAsync(answer, 403, code, org: "org_a");
        Assert.Equal(gatewayCode, answer.Error.GetProperty("gateway_error_code").GetString());
        Assert.Equal($"{words}: $24.50 spent + $0.85 estimated > $25.00 limit", answer.Message);
        Assert.Equal("permission_error", answer.Error.GetProperty("type").GetString());
        Assert.Contains("50 output tokens", answer.Error.GetProperty("remediation").GetString(), StringComparison.Ordinal);
        Assert.Equal("false", answer.Header("x-should-retry"));
        Assert.Equal("0", answer.Header("X-CM-Cost"));
        Assert.Equal("24.5", answer.Header("X-CM-Daily-Cost"));
        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(50, model: "sim-cent"))).Status);
        await rig.AssertBooksAsync("org_a");
    }

    [Fact]
    public async Task Denied_PerRequestCap_SaysWhatWouldFit()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.Parse("0.001")) });

        var answer = await rig.AskAsync(key, Chat.Body(10_000));

        await rig.AssertRefusedAsync(answer, 403, "cost_per_request");
        Assert.Equal("GW_COST_001", answer.Error.GetProperty("gateway_error_code").GetString());
        Assert.Contains("$0.001", answer.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sim-unpriced", "model_not_priced", "GW_COST_006")]
    [InlineData("gpt-4o", "model_not_allowed", "GW_MODEL_001")]
    public async Task Denied_Model_SaysWhy(string model, string code, string gatewayCode)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { ModelAllowlist = [Chat.Model, "sim-unpriced"] });

        var answer = await rig.AskAsync(key, Chat.Body(model: model));

        await rig.AssertRefusedAsync(answer, 403, code, "model");
        Assert.Equal(gatewayCode, answer.Error.GetProperty("gateway_error_code").GetString());
    }

    [Theory]
    [InlineData("cm_sk_0000000000000000000000000000000000000000000", 401, "invalid_api_key", "GW_AUTH_001")]
    [InlineData("sk-not-ours", 401, "invalid_api_key", "GW_AUTH_001")]
    public async Task Denied_Key_SaysSoWithoutTheKey(string key, int status, string code, string gatewayCode)
    {
        await using var rig = await GatewayRig.StartAsync();

        var answer = await rig.AskAsync(key);

        await rig.AssertRefusedAsync(answer, status, code);
        Assert.Equal(gatewayCode, answer.Error.GetProperty("gateway_error_code").GetString());
        Assert.DoesNotContain(key, answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Denied_Rate_CarriesRetryAfterAndHoldsNothing()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { RateLimitRpm = new CountLimit(2) });
        var first = await rig.AskAsync(key);
        Assert.Equal("2", first.Header("X-RateLimit-Limit"));
        Assert.Equal("1", first.Header("X-RateLimit-Remaining"));
        await rig.AskAsync(key);

        var answer = await rig.AskAsync(key);

        await rig.AssertRefusedAsync(answer, 429, "rate_limited");
        Assert.Equal("GW_RATE_001", answer.Error.GetProperty("gateway_error_code").GetString());
        Assert.InRange(int.Parse(answer.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture), 1, 60);
        Assert.Equal("0", answer.Header("X-RateLimit-Remaining"));
        Assert.Null(answer.Header("x-should-retry"));
    }
}
