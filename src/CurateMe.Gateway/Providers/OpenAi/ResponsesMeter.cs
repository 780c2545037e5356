using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Usage and tool calls of a response: the whole one, or the one that a stream's last event carries.</summary>
sealed class ResponsesMeter(bool reasoningBeside) : UsageMeter
{
    // Bytes of a delta event around its text.
    const int DeltaFrame = 200;

    static readonly FieldNames Fields = new("id", "status", "usage", "service_tier", "output", "response");

    readonly HashSet<string> containers = new(StringComparer.Ordinal);
    long searches;
    long fileSearches;
    string? status;

    public override void ReadPlain(ReadOnlySpan<byte> body)
    {
        Reading.OutputBytes = body.Length;
        ReadText(body);
        // Only what has ended has its bill.
        Reading.Final = Reading.Known;
        if (status is "queued" or "in_progress")
        {
            Reading.Pending = true;
            Reading.Known = false;
        }
    }

    public override bool ReadEvent(ReadOnlySpan<byte> data)
    {
        if (AnswerJson.TypeOf(data).EndsWith(".delta"u8))
        {
            Reading.OutputBytes += Math.Max(1, data.Length - DeltaFrame);
        }
        else if (data.IndexOf("\"response\":"u8) >= 0)
        {
            ReadText(data);
            Reading.Final = Reading.Known;
        }
        return true;
    }

    void ReadText(ReadOnlySpan<byte> text)
    {
        var json = AnswerJson.Open(text);
        try
        {
            if (json.Read() && json.TokenType == JsonTokenType.StartObject)
            {
                ReadObject(ref json);
            }
        }
        catch (JsonException)
        {
            // Not JSON: it passes to the client as it is, and says no more of usage.
        }
    }

    void ReadObject(ref Utf8JsonReader json)
    {
        UsageCounts? counts = null;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var field = Fields.Find(ref json);
            json.Read();
            switch (field)
            {
                case 0 when json.TokenType == JsonTokenType.String && json.ValueSpan.StartsWith("resp"u8):
                    Reading.StoredId = json.GetString();
                    break;
                case 1 when json.TokenType == JsonTokenType.String:
                    status = json.GetString();
                    break;
                case 2 when json.TokenType == JsonTokenType.StartObject:
                    counts = OpenAiUsage.TryRead(ref json, reasoningBeside, out var usage) ? usage : null;
                    break;
                case 3 when json.TokenType == JsonTokenType.String:
                    Reading.Tier = OpenAiTier.Read(ref json) ?? Reading.Tier;
                    break;
                case 4 when json.TokenType == JsonTokenType.StartArray:
                    ReadOutput(ref json);
                    break;
                case 5 when json.TokenType == JsonTokenType.StartObject:
                    ReadObject(ref json);
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
        if (counts is { } told)
        {
            told[BilledUnit.WebSearch] = searches;
            told[BilledUnit.FileSearch] = fileSearches;
            told[BilledUnit.CodeSession] = containers.Count;
            Reading.Usage = told;
            Reading.Known = Reading.InputKnown = true;
        }
    }

    void ReadOutput(ref Utf8JsonReader json)
    {
        searches = fileSearches = 0;
        while (json.Read() && json.TokenType == JsonTokenType.StartObject)
        {
            ReadItem(ref json);
        }
    }

    void ReadItem(ref Utf8JsonReader json)
    {
        var search = false;
        var opened = false;
        var depth = json.CurrentDepth;
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }
            var top = json.CurrentDepth == depth + 1;
            var isType = json.ValueTextEquals("type"u8);
            var isContainer = json.ValueTextEquals("container_id"u8);
            json.Read();
            if (json.TokenType != JsonTokenType.String)
            {
                continue;
            }
            if (isType && top)
            {
                search = json.ValueTextEquals("web_search_call"u8);
                fileSearches += json.ValueTextEquals("file_search_call"u8) ? 1 : 0;
                // Only a stored prompt can bring this tool; the picture's own model bills it.
                Reading.Unmetered |= json.ValueTextEquals("image_generation_call"u8);
            }
            else if (isType)
            {
                // Looking into a page that was found is no search of its own.
                opened |= json.ValueTextEquals("open_page"u8) || json.ValueTextEquals("find_in_page"u8) || json.ValueTextEquals("find"u8);
            }
            else if (isContainer && top && containers.Count < 1_000)
            {
                containers.Add(json.GetString()!);
            }
        }
        searches += search && !opened ? 1 : 0;
    }
}
