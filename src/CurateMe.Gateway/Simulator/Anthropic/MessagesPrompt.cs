using System.Runtime.InteropServices;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.Anthropic;

/// <summary>Counts the prompt of a messages request in the order in which it is cached: tools, system, messages.</summary>
internal sealed class MessagesPrompt
{
    const int PrimingTokens = 3;
    const int MessageTokens = 3;

    readonly List<CacheMark> _marks = [];
    ulong _hash = 14695981039346656037ul;

    MessagesPrompt(string salt) => Mix(System.Text.Encoding.UTF8.GetBytes(salt));

    public int Tokens { get; private set; } = PrimingTokens;
    public IReadOnlyList<CacheMark> Marks => _marks;

    /// <param name="salt">Prompts with another salt share no cache.</param>
    public static MessagesPrompt Read(JsonElement body, string salt)
    {
        var prompt = new MessagesPrompt(salt);
        foreach (var tool in body.Items("tools"))
            prompt.Add(tool, tool.TokenCount());
        prompt.Content(body.Get("system"));
        var any = false;
        foreach (var message in body.Items("messages"))
        {
            any = true;
            prompt.Tokens += MessageTokens;
            prompt.Mix(message.Is("role", "assistant"u8) ? "a"u8 : "u"u8);
            prompt.Content(message.Get("content"));
        }
        if (!any)
            throw new ProviderError(400, "messages: at least one message is required");
        if (body.Has("cache_control"))
            prompt.Mark(body.Get("cache_control"));
        return prompt;
    }

    void Content(JsonElement content)
    {
        if (content.ValueKind == JsonValueKind.Array)
        {
            foreach (var block in content.EnumerateArray())
                Add(block, Count(block));
        }
        else if (content.ValueKind == JsonValueKind.String)
        {
            Add(content, content.TokenCount());
        }
    }

    static int Count(JsonElement block)
    {
        var source = block.Get("source");
        if (block.Is("type", "image"u8))
            return Pictures.AnthropicTokens(source.Text("data"));
        if (block.Is("type", "document"u8))
            return source.Is("type", "text"u8) ? source.Get("data").TokenCount() : Math.Max(1, (source.Text("data")?.Length ?? 16_000) / 8);
        if (block.Is("type", "text"u8))
            return block.Get("text").TokenCount();
        if (!block.Is("type", "tool_result"u8))
            return block.TokenCount();
        var content = block.Get("content");
        var tokens = MessageTokens;
        if (content.ValueKind != JsonValueKind.Array)
            return tokens + content.TokenCount();
        foreach (var inner in content.EnumerateArray())
            tokens += Count(inner);
        return tokens;
    }

    void Add(JsonElement block, int tokens)
    {
        Tokens += tokens;
        // A mark may move from block to block without changing what is cached, so it is no part of the prefix
        if (block.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in block.EnumerateObject())
            {
                if (!property.NameEquals("cache_control"u8))
                    Mix(JsonMarshal.GetRawUtf8Value(property.Value));
            }
        }
        else
        {
            Mix(JsonMarshal.GetRawUtf8Value(block));
        }
        if (block.Has("cache_control"))
            Mark(block.Get("cache_control"));
    }

    void Mark(JsonElement control) => _marks.Add(new CacheMark(Tokens, _hash, control.Is("ttl", "1h"u8)));

    void Mix(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
            _hash = (_hash ^ b) * 1099511628211ul;
    }
}
