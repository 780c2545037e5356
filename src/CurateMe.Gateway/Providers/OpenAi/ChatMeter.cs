using System.Text.Json;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a chat completion: the answer's <c>usage</c>, or in a stream the last usable block, wherever it stands: in a chunk of its own,
/// beside choices, or in every chunk.
/// </summary>
sealed class ChatMeter(bool hideUsageEvent, bool reasoningBeside) : UsageMeter
{
    static readonly FieldNames AnswerFields = new("usage", "service_tier", "choices");

    int emptyEvent;

    public override void ReadPlain(ReadOnlySpan<byte> body)
    {
        Reading.OutputBytes = body.Length;
        ReadAnswer(body, out _);
    }

    public override bool ReadEvent(ReadOnlySpan<byte> data)
    {
        // The first chunk carries a role and no text: what later ones have more is text.
        emptyEvent = emptyEvent == 0 ? data.Length : Math.Min(emptyEvent, data.Length);
        Reading.OutputBytes += Math.Max(1, data.Length - emptyEvent);
        if (!Names(data, "\"usage\""u8) && !(Reading.Tier is null && Names(data, "\"service_tier\""u8)))
        {
            return true;
        }
        var usageHere = ReadAnswer(data, out var choices);
        Reading.Final |= Reading.Known && choices == 0;
        return !(hideUsageEvent && usageHere && choices == 0);
    }

    // Most chunks say "usage":null and repeat the tier; only one that says more is worth parsing. Quotes within text are escaped, so a name
    // followed by a colon is a real field.
    static bool Names(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name)
    {
        for (int at; (at = data.IndexOf(name)) >= 0;)
        {
            data = data[(at + name.Length)..].TrimStart(" \t\r\n"u8);
            if (data is [(byte)':', ..] && data[1..].TrimStart(" \t\r\n"u8) is [var first, ..] && first is not (byte)'n')
            {
                return true;
            }
        }
        return false;
    }

    // True when usage stands here, believable or not; counts the choices, or gives -1 when there is no such field.
    bool ReadAnswer(ReadOnlySpan<byte> text, out int choices)
    {
        choices = -1;
        var usageHere = false;
        var json = AnswerJson.Open(text);
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return false;
            }
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var field = AnswerFields.Find(ref json);
                json.Read();
                usageHere |= field == 0 && json.TokenType != JsonTokenType.Null;
                switch (field)
                {
                    case 0 when json.TokenType == JsonTokenType.StartObject:
                        TakeUsage(ref json);
                        break;
                    case 1 when json.TokenType == JsonTokenType.String:
                        Reading.Tier = OpenAiTier.Read(ref json);
                        break;
                    case 2 when json.TokenType == JsonTokenType.StartArray:
                        choices = CountItems(ref json);
                        break;
                    default:
                        json.Skip();
                        break;
                }
            }
        }
        catch (JsonException)
        {
            // Not JSON: it passes to the client as it is, and says nothing of usage.
        }
        return usageHere;
    }

    void TakeUsage(ref Utf8JsonReader json)
    {
        if (OpenAiUsage.TryRead(ref json, reasoningBeside, out var usage))
        {
            Reading.Usage = usage;
            Reading.Known = Reading.InputKnown = true;
        }
    }

    static int CountItems(ref Utf8JsonReader json)
    {
        var items = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            items++;
            json.Skip();
        }
        return items;
    }
}
