using System.Text.Json.Nodes;

namespace CurateMe.Gateway.Tests.Dashboard;

sealed record ServerEvent(string Name, string? Id, JsonNode? Data);

/// <summary>Reads server-sent events, comments left out.</summary>
sealed class EventReader : IAsyncDisposable
{
    readonly HttpResponseMessage _answer;
    readonly StreamReader _lines;

    EventReader(HttpResponseMessage answer, Stream stream) => (_answer, _lines) = (answer, new StreamReader(stream));

    public static async Task<EventReader> OpenAsync(HttpClient http, Uri uri, string? bearer = null, string? cookie = null, string? lastId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        foreach (var (name, value) in new[] { ("Authorization", bearer is null ? null : "Bearer " + bearer), ("Cookie", cookie), ("Last-Event-ID", lastId) })
        {
            if (value is not null)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }
        var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.EnsureSuccessStatusCode();
        return new EventReader(answer, await answer.Content.ReadAsStreamAsync());
    }

    /// <summary>The next event, of this name if one is given; null when the stream ended.</summary>
    public async Task<ServerEvent?> NextAsync(string? name = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await EventAsync(limit.Token) is { } found)
        {
            if (name is null || found.Name == name)
            {
                return found;
            }
        }
        return null;
    }

    async Task<ServerEvent?> EventAsync(CancellationToken ct)
    {
        string? name = null, id = null;
        JsonNode? data = null;
        while (await _lines.ReadLineAsync(ct) is { } line)
        {
            if (line.Length == 0 && name is not null)
            {
                return new ServerEvent(name, id, data);
            }
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var value = colon < 0 ? "" : line[(colon + 1)..].TrimStart();
            switch (colon < 0 ? "" : line[..colon])
            {
                case "event":
                    name = value;
                    break;
                case "id":
                    id = value;
                    break;
                case "data":
                    data = JsonNode.Parse(value);
                    break;
            }
        }
        return null;
    }

    public ValueTask DisposeAsync()
    {
        _lines.Dispose();
        _answer.Dispose();
        return default;
    }
}
