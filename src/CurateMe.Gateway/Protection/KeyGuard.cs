using System.Globalization;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Access;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Protection;

/// <summary>
/// Makes sure of suspicions and does what the org's policy says: tell, throttle the key, or disable it. Spikes and new models are judged by the ledger, so
/// they do not depend on which replica saw what, nor on when it was started. A throttle stands in the key's document, so it holds on every replica.
/// </summary>
sealed partial class KeyGuard(
    Pulses pulses, IUsageLedger ledger, Catalogue catalogue, AlertDesk desk, TargetDirectory targets, ErrorEvents errors, TimeProvider time, ILogger<KeyGuard> logger) : BackgroundService
{
    /// <summary>Hours before the present one that a spike is measured against, and how many of them must have seen spending.</summary>
    public const int SpikeHours = 24;
    public const int SpikeLeastHours = 3;

    /// <summary>How long ago a model may have been used to be no news.</summary>
    public static readonly TimeSpan ModelMemory = TimeSpan.FromDays(30);

    /// <summary>A key's last records that are its history of addresses, and most addresses in it by which one more is news.</summary>
    public const int AddressHistory = 1_000;
    public const int MaxUsualAddresses = 10;

    const int MaxTries = 3;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var suspect in pulses.Suspects.ReadAllAsync(stoppingToken))
            {
                await TryJudgeAsync(suspect, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    async Task TryJudgeAsync(Suspect suspect, CancellationToken ct)
    {
        try
        {
            await JudgeAsync(suspect, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            // Whatever it is, it concerns this key; the others are still guarded.
            errors.Add("gateway", "protection_put_off", $"{suspect.Of} of {suspect.Principal.KeyId}: {e.GetType().Name}: {e.Message}");
        }
    }

    async Task JudgeAsync(Suspect suspect, CancellationToken ct)
    {
        var policy = suspect.Principal.Policy.Protection;
        switch (suspect.Of)
        {
            case Suspicion.RetryStorm:
                await ActAsync(suspect, policy.RetryStorm, new JsonObject
                {
                    ["requests"] = policy.RetryRepeats,
                    ["window_seconds"] = (int)policy.RetryWindow.TotalSeconds,
                    ["prompt_hash"] = suspect.Record.PromptHash.ToString("x16", CultureInfo.InvariantCulture),
                    ["model"] = suspect.Record.Model,
                }, ct);
                break;
            case Suspicion.RunawayAgent:
                await ActAsync(suspect, policy.RunawayAgent, new JsonObject { ["requests"] = policy.RunawayRequests, ["window_seconds"] = (int)policy.RunawayWindow.TotalSeconds, ["model"] = suspect.Record.Model }, ct);
                break;
            case Suspicion.NewAddress:
                await LookAtAddressAsync(suspect, ct);
                break;
            case Suspicion.HourlySpike when await SpikeAsync(suspect, ct) is { } spike:
                await ActAsync(suspect, policy.HourlySpike, spike, ct);
                break;
            case Suspicion.NewExpensiveModel when await ModelAsync(suspect, ct) is { } model:
                await ActAsync(suspect, policy.NewExpensiveModel, model, ct);
                break;
        }
    }

    // Told when the key has a history, and never came from there. A key that comes from everywhere has no usual address.
    async Task LookAtAddressAsync(Suspect suspect, CancellationToken ct)
    {
        var (principal, record) = (suspect.Principal, suspect.Record);
        var page = await ledger.QueryAsync(new UsageQuery { OrgId = principal.OrgId, KeyId = principal.KeyId, To = record.Timestamp, Limit = AddressHistory }, ct);
        var usual = page.Records.Where(static r => r.ClientIp is not null).Select(static r => ClientNetwork.Of(r.ClientIp!)).ToHashSet(StringComparer.Ordinal);
        var here = ClientNetwork.Of(record.ClientIp!);
        if (usual.Count is 0 or > MaxUsualAddresses || usual.Contains(here))
        {
            return;
        }
        desk.Raise(AlertType.AccessAnomaly, principal.OrgId, $"key:{principal.KeyId}", $"{principal.KeyId}:{here}:new_address", new JsonObject
        {
            ["kind"] = "new_address",
            ["key_id"] = principal.KeyId,
            ["address"] = record.ClientIp,
            ["addresses_before"] = usual.Count,
            ["request_id"] = record.Id.ToString(),
        });
    }

    // The figures of a spike; null when it is none.
    async Task<JsonObject?> SpikeAsync(Suspect suspect, CancellationToken ct)
    {
        var policy = suspect.Principal.Policy.Protection;
        var hour = new DateTimeOffset(suspect.Record.Timestamp.UtcTicks / TimeSpan.TicksPerHour * TimeSpan.TicksPerHour, TimeSpan.Zero);
        var rows = await ledger.BreakdownAsync(
            new BreakdownQuery { OrgId = suspect.Principal.OrgId, From = hour.AddHours(-SpikeHours), To = hour.AddHours(1), By = [BreakdownDimension.Key, BreakdownDimension.Hour] }, ct);
        var (now, before, hours) = (NanoUsd.Zero, NanoUsd.Zero, 0);
        foreach (var row in rows.Where(r => r.Values[0] == suspect.Principal.KeyId && r.Cost > NanoUsd.Zero))
        {
            if (DateTimeOffset.Parse(row.Values[1]!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) >= hour)
            {
                now += row.Cost;
            }
            else
            {
                before += row.Cost;
                hours++;
            }
        }
        if (hours < SpikeLeastHours || now < policy.SpikeLeast || (Int128)now.Value * hours * 100 <= (Int128)before.Value * policy.SpikeFactorHundredths)
        {
            return null;
        }
        var data = new JsonObject { ["hour"] = Rfc3339Converter.Format(hour), ["factor"] = policy.SpikeFactorHundredths / 100.0, ["hours_before"] = hours };
        return data.WithMoney("spent", now).WithMoney("mean_before", new NanoUsd(before.Value / hours));
    }

    // The figures of a model that is dearer than all that the org used; null when it is not, or not new.
    async Task<JsonObject?> ModelAsync(Suspect suspect, CancellationToken ct)
    {
        var record = suspect.Record;
        if (OutputPrice(record.Provider, record.Model) is not { } price)
        {
            return null;
        }
        var rows = await ledger.BreakdownAsync(
            new BreakdownQuery { OrgId = suspect.Principal.OrgId, From = record.Timestamp - ModelMemory, To = record.Timestamp, By = [BreakdownDimension.Provider, BreakdownDimension.Model] }, ct);
        if (rows.Count == 0 || rows.Any(r => r.Values[1] == record.Model))
        {
            return null;
        }
        var (dearest, dearestModel) = (0L, "");
        foreach (var row in rows)
        {
            if (OutputPrice(row.Values[0]!, row.Values[1]!) is { } other && other > dearest)
            {
                (dearest, dearestModel) = (other, row.Values[1]!);
            }
        }
        if (dearest == 0 || (Int128)price * 100 < (Int128)dearest * suspect.Principal.Policy.Protection.ModelFactorHundredths)
        {
            return null;
        }
        return new JsonObject
        {
            ["model"] = record.Model,
            ["provider"] = record.Provider,
            ["pico_usd_per_output_token"] = price,
            ["dearest_before"] = dearestModel,
            ["dearest_before_pico_usd_per_output_token"] = dearest,
        };
    }

    long? OutputPrice(string provider, string model) =>
        targets.Prices.Find(provider, model) is { } price && price.IsPriced(BilledUnit.OutputToken) && price.PicoPerUnit(BilledUnit.OutputToken) is > 0 and var pico ? pico : null;

    async Task ActAsync(Suspect suspect, ProtectionAction action, JsonObject data, CancellationToken ct)
    {
        if (action == ProtectionAction.Off)
        {
            return;
        }
        var (principal, kind) = (suspect.Principal, Choice.Word(suspect.Of));
        var now = time.GetUtcNow();
        data["kind"] = kind;
        data["action"] = Choice.Word(action);
        data["key_id"] = principal.KeyId;
        data["team_id"] = principal.TeamId;
        var claim = suspect.Of == Suspicion.NewExpensiveModel
            ? $"{kind}:{suspect.Record.Model}"
            : string.Create(CultureInfo.InvariantCulture, $"{kind}:{principal.KeyId}:{now.UtcTicks / TimeSpan.TicksPerHour}");
        desk.Raise(AlertType.CostAnomaly, principal.OrgId, $"key:{principal.KeyId}", claim, data);
        Log.Found(logger, kind, principal.KeyId, Choice.Word(action));
        if (action != ProtectionAction.Alert)
        {
            await ChangeKeyAsync(suspect, action, kind, now, ct);
        }
    }

    async Task ChangeKeyAsync(Suspect suspect, ProtectionAction action, string kind, DateTimeOffset now, CancellationToken ct)
    {
        var policy = suspect.Principal.Policy.Protection;
        for (var tries = 1; ; tries++)
        {
            if (await catalogue.Keys.FindAsync(suspect.Principal.KeyId, ct) is not { Value.Disabled: false } stored)
            {
                return;
            }
            var changed = action == ProtectionAction.DisableKey
                ? stored.Value with { Disabled = true }
                : stored.Value with { ThrottledUntil = now + policy.ThrottleFor, ThrottleRpm = policy.ThrottleRpm };
            var word = action == ProtectionAction.DisableKey ? "key.disable" : "key.throttle";
            try
            {
                await catalogue.CommitAsync(
                    [catalogue.Keys.Change(stored, changed)],
                    new AuditDraft(now, $"protection:{kind}", FromIp: null, word, "key", stored.Id, stored.OrgId, stored.Json, catalogue.Keys.Text(changed)), ct);
            }
            catch (ConfigConflictException) when (tries < MaxTries)
            {
                continue;
            }
            if (action == ProtectionAction.DisableKey)
            {
                KeyAlerts.Disabled(desk, stored, "protection", reason: kind);
            }
            return;
        }
    }

    static partial class Log
    {
        [LoggerMessage(4101, LogLevel.Warning, "{Kind} at {KeyId}: {Action}")]
        public static partial void Found(ILogger logger, string kind, string keyId, string action);
    }
}
