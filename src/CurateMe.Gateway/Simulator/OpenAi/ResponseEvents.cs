using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary>The events of a streamed response, numbered in order.</summary>
internal sealed class ResponseEvents(ResponseBody body, ArrayBufferWriter<byte> buffer)
{
    int _sequence;
    int _item;

    public IEnumerable<Beat> All()
    {
        Life("response.created", "in_progress");
        Life("response.in_progress", "in_progress");
        yield return new Beat();

        var generation = body.Generation;
        if (generation.Reasoning > 0)
        {
            Item("response.output_item.added", body.ReasoningItem);
            yield return new Beat(generation.Reasoning, generation.Reasoning);
            Item("response.output_item.done", body.ReasoningItem);
            _item++;
        }
        for (var i = 0; i < body.Request.Units.WebSearches; i++)
        {
            var index = i;
            Item("response.output_item.added", json => body.SearchItem(json, index));
            Item("response.output_item.done", json => body.SearchItem(json, index));
            _item++;
        }
        foreach (var beat in generation.ToolName is not null ? Call() : body.HasMessage ? Message() : [])
            yield return beat;
        Life(body.FinalStatus == "completed" ? "response.completed" : "response.incomplete", body.FinalStatus);
        yield return new Beat(Finished: true);
    }

    IEnumerable<Beat> Message()
    {
        Item("response.output_item.added", json => body.MessageItem(json, "in_progress", withText: false));
        Part("response.content_part.added", "");
        yield return new Beat();
        foreach (var piece in body.Generation.Pieces)
        {
            OfItem("response.output_text.delta", body.MessageId, json =>
            {
                json.WriteNumber("content_index", 0);
                json.WriteString("delta", piece.Text);
                json.WriteStartArray("logprobs");
                json.WriteEndArray();
            });
            yield return new Beat(piece.Tokens);
        }
        OfItem("response.output_text.done", body.MessageId, json =>
        {
            json.WriteNumber("content_index", 0);
            json.WriteString("text", body.Generation.Text);
            json.WriteStartArray("logprobs");
            json.WriteEndArray();
        });
        Part("response.content_part.done", body.Generation.Text);
        Item("response.output_item.done", json => body.MessageItem(json, body.FinalStatus, withText: true));
    }

    IEnumerable<Beat> Call()
    {
        Item("response.output_item.added", json => body.CallItem(json, "in_progress", ""));
        yield return new Beat(body.Generation.NameTokens);
        foreach (var piece in body.Generation.Pieces)
        {
            OfItem("response.function_call_arguments.delta", body.ItemId, json => json.WriteString("delta", piece.Text));
            yield return new Beat(piece.Tokens);
        }
        OfItem("response.function_call_arguments.done", body.ItemId, json =>
        {
            json.WriteString("name", body.Generation.ToolName);
            json.WriteString("arguments", body.Generation.Text);
        });
        Item("response.output_item.done", json => body.CallItem(json, "completed", body.Generation.Text));
    }

    void Life(string type, string status) => Event(type, json =>
    {
        json.WriteStartObject("response");
        body.Members(json, status);
        json.WriteEndObject();
    });

    void Item(string type, Action<Utf8JsonWriter> item) => Event(type, json =>
    {
        json.WriteNumber("output_index", _item);
        json.WritePropertyName("item");
        item(json);
    });

    void Part(string type, string text) => OfItem(type, body.MessageId, json =>
    {
        json.WriteNumber("content_index", 0);
        json.WritePropertyName("part");
        ResponseBody.TextPart(json, text);
    });

    void OfItem(string type, string id, Action<Utf8JsonWriter> members) => Event(type, json =>
    {
        json.WriteString("item_id", id);
        json.WriteNumber("output_index", _item);
        members(json);
    });

    void Event(string type, Action<Utf8JsonWriter> members) => Written.Event(buffer, type, (type, number: _sequence++, members), static (json, state) =>
    {
        json.WriteString("type", state.type);
        json.WriteNumber("sequence_number", state.number);
        state.members(json);
    });
}
