using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>What must be true of the money after any run.</summary>
static class Books
{
    /// <summary>
    /// Nothing is held; every line of the provider's bill has its record and every record that the provider told of costs what the bill says;
    /// no request has two records; the counters equal the ledger and a rebuild changes nothing.
    /// </summary>
    public static async Task<IReadOnlyList<UsageRecord>> AssertBooksAsync(this GatewayRig rig, string org = "org_test", bool wholeBill = true)
    {
        await rig.QuietAsync();
        var records = await rig.RecordsAsync(org);
        var byId = records.ToDictionary(static r => r.Id.ToString(), StringComparer.Ordinal);
        foreach (var line in rig.Simulator.Bill.Entries)
        {
            Assert.True(!wholeBill || byId.ContainsKey(line.RequestId!), $"billed, but not in the ledger: {line.RequestId}");
        }
        foreach (var record in records)
        {
            var billed = rig.Billed(record);
            Assert.True(record.Source != UsageSource.Provider || record.Status == RecordStatus.Failed || record.Cost == billed, $"{record.Id} {record.Status} cost {record.Cost}, bill {billed}");
            Assert.True(record.Source != UsageSource.Presumed || record.Cost >= billed, $"{record.Id} is presumed at {record.Cost}, below its bill of {billed}");
        }
        var spent = new NanoUsd(records.Where(r => r.Day == rig.Today).Sum(static r => r.Cost.Value));
        var cells = await rig.Service<ICounterStore>().SnapshotAsync(org, rig.Today, default);
        Assert.All(cells, static c => Assert.Equal(NanoUsd.Zero, c.Held));
        Assert.Equal(spent, (await rig.CellAsync("org", org: org)).Spent);
        var rebuilt = await rig.Service<Reconciler>().RunAsync(org, rig.Today, apply: false, default);
        Assert.All(rebuilt.Cells, static c => Assert.Equal(c.After, c.Before));
        return records;
    }

    /// <summary>What the provider billed for one request.</summary>
    public static NanoUsd Billed(this GatewayRig rig, UsageRecord record) =>
        rig.Simulator.Bill.For(record.Id.ToString()).Aggregate(NanoUsd.Zero, (sum, line) => sum + rig.Price(line));

    public static NanoUsd Price(this GatewayRig rig, BillEntry line)
    {
        var tier = line.ServiceTier switch { "flex" => ServiceTier.Flex, "priority" => ServiceTier.Priority, _ => ServiceTier.Standard };
        var price = rig.Prices.Find(line.Provider, line.Model) ?? throw new InvalidOperationException($"no price of {line.Provider}/{line.Model}");
        return price.Cost(line.Units.ToUsageCounts(), tier).CeilToNano();
    }

    /// <summary>Refused in OpenAI's shape, nothing forwarded, nothing held, nothing recorded.</summary>
    public static async Task AssertRefusedAsync(this GatewayRig rig, Answer answer, int status, string code, string? param = null, string org = "org_test")
    {
        Assert.True(answer.Status == status && answer.Code == code, $"expected {status} {code}, got {answer}");
        Assert.Equal(param, answer.Param);
        Assert.NotEmpty(answer.Message);
        Assert.StartsWith("GW_", answer.Error.GetProperty("gateway_error_code").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(answer.Error.GetProperty("type").GetString()!);
        Assert.StartsWith("gw_", answer.Id, StringComparison.Ordinal);
        Assert.DoesNotContain(rig.Simulator.Bill.Entries, e => e.RequestId == answer.Id);
        Assert.All(await rig.Service<ICounterStore>().SnapshotAsync(org, rig.Today, default), static c => Assert.Equal(NanoUsd.Zero, c.Held));
        Assert.True(RequestId.TryParse(answer.Id, out var id));
        Assert.Null(await rig.Service<IUsageLedger>().FindAsync(org, id, default));
    }

    /// <summary>Looks at every counter of the org, over and over, until it is stopped: spent + held never above the limit.</summary>
    public static async Task<int> WatchAsync(this GatewayRig rig, string org, IReadOnlyDictionary<(string Field, PeriodKind Period), NanoUsd> limits, CancellationToken until)
    {
        for (var looks = 0; ; looks++)
        {
            foreach (var cell in await rig.Service<ICounterStore>().SnapshotAsync(org, rig.Today, default))
            {
                if (limits.TryGetValue((cell.Field, cell.Period), out var limit))
                {
                    Assert.True(cell.Spent + cell.Held <= limit, $"{cell.Field} {cell.Period}: {cell.Spent} spent + {cell.Held} held > {limit}");
                }
            }
            if (until.IsCancellationRequested)
            {
                return looks;
            }
            await Task.Delay(2, CancellationToken.None);
        }
    }
}
