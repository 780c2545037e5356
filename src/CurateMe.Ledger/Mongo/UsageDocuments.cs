using System.Globalization;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>Records as documents of <c>gateway_usage</c> and back. What a record does not have is left out of the document.</summary>
internal static class UsageDocuments
{
    /// <summary>The id stands twice: as <c>_id</c>, which keeps it unique within its org's shard too, and under the name that people ask for.</summary>
    internal static Bson Write(UsageRecord record)
    {
        var id = record.Id.ToString();
        var usage = record.Usage;
        return new Bson { { "_id", id }, { "request_id", id }, { "org_id", record.OrgId } }
            .With("team_id", record.TeamId)
            .With("key_id", record.KeyId)
            .With("runner_id", record.RunnerId)
            .With("session_id", record.SessionId)
            .With("provider", record.Provider)
            .With("model", record.Model)
            .With("requested_model", record.RequestedModel)
            .With("endpoint", record.Endpoint)
            .With("stream", record.Stream)
            .With("status", record.Status.Name())
            .With("status_code", record.StatusCode)
            .With("prompt_tokens", usage.PromptTokens)
            .With("completion_tokens", usage.CompletionTokens)
            .With("reasoning_tokens", usage[BilledUnit.ReasoningToken])
            .With("cache_read_tokens", usage[BilledUnit.CachedInputToken])
            .With("cache_creation_5m_tokens", usage[BilledUnit.CacheWrite5mToken])
            .With("cache_creation_1h_tokens", usage[BilledUnit.CacheWrite1hToken])
            .With("other_units", Rest(usage))
            .With("hold_nano_usd", record.Hold.Value)
            .With("cost_nano_usd", record.Cost.Value)
            .With("cost_usd", new BsonDollars(record.Cost.Value))
            .With("price_version", record.PriceVersion)
            .With("service_tier", record.Tier.Name())
            .With("usage_source", record.Source.Name())
            .With("latency_ms", record.LatencyMs)
            .With("ttft_ms", record.TtftMs)
            .With("prompt_hash", record.PromptHash.ToString("x16", CultureInfo.InvariantCulture))
            .With("client_ip", record.ClientIp)
            .With("tags", record.Tags)
            .With("period_day", record.Day.ToString("O"))
            .With("period_month", record.Day.ToString("yyyy-MM", CultureInfo.InvariantCulture))
            .With("ts", record.Timestamp);
    }

    internal static UsageRecord Read(BsonFields document) => new()
    {
        Id = RequestId.TryParse(document.Text("request_id"), out var id) ? id : throw Corrupt(document, "request_id"),
        OrgId = document.RequiredText("org_id"),
        TeamId = document.Text("team_id"),
        KeyId = document.RequiredText("key_id"),
        RunnerId = document.Text("runner_id"),
        SessionId = document.Text("session_id"),
        Provider = document.RequiredText("provider"),
        Model = document.RequiredText("model"),
        RequestedModel = document.RequiredText("requested_model"),
        Endpoint = document.RequiredText("endpoint"),
        Stream = document.Flag("stream"),
        Status = RecordNames.TryParse(document.Text("status"), out RecordStatus status) ? status : throw Corrupt(document, "status"),
        StatusCode = (int)document.Number("status_code"),
        Usage = UnitCounts.Read(
            document.Number("prompt_tokens"),
            document.Number("completion_tokens"),
            document.Number("reasoning_tokens"),
            document.Number("cache_read_tokens"),
            document.Number("cache_creation_5m_tokens"),
            document.Number("cache_creation_1h_tokens"),
            document.Document("other_units") is { } rest ? rest.Keys.Select(unit => (unit, rest.Number(unit))) : []),
        Hold = new NanoUsd(document.Number("hold_nano_usd")),
        Cost = new NanoUsd(document.Number("cost_nano_usd")),
        PriceVersion = document.RequiredText("price_version"),
        Tier = RecordNames.TryParse(document.Text("service_tier"), out ServiceTier tier) ? tier : throw Corrupt(document, "service_tier"),
        Source = RecordNames.TryParse(document.Text("usage_source"), out UsageSource source) ? source : throw Corrupt(document, "usage_source"),
        LatencyMs = (int)document.Number("latency_ms"),
        TtftMs = (int)document.Number("ttft_ms"),
        PromptHash = ulong.Parse(document.RequiredText("prompt_hash"), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
        ClientIp = document.Text("client_ip"),
        Tags = document.Text("tags"),
        Day = DateOnly.ParseExact(document.RequiredText("period_day"), "O", CultureInfo.InvariantCulture),
        Timestamp = document.Time("ts"),
    };

    static Bson? Rest(UsageCounts usage)
    {
        if (!UnitCounts.HasRest(in usage)) return null;
        var rest = new Bson();
        foreach (var (unit, count) in UnitCounts.Rest(usage)) rest.Add(unit, count);
        return rest;
    }

    static InvalidDataException Corrupt(BsonFields document, string name) =>
        new($"Record {document.Text("_id")} of the ledger has {name} '{document.Text(name)}', which no version of this program writes.");
}
