using System.Text;
using System.Text.Json;
using CurateMe.Gateway.Simulator;

namespace CurateMe.Gateway.Tests.Simulator;

/// <summary>A simulator and a plain HTTP client for it.</summary>
sealed class SimulatorClient : IAsyncDisposable
{
    public const string Chat = """{"model":"gpt-4o","messages":[{"role":"user","content":"Say something"}]}""";
    public const string ChatStream = """{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Say something"}]}""";
    public const string ChatPath = "openai/v1/chat/completions";

    // An answer that is given up closes its connection at once; by default the handler would first read on for a while
    readonly HttpClient _http = new(new SocketsHttpHandler { MaxResponseDrainSize = 0 }) { Timeout = TimeSpan.FromSeconds(60) };
    SimulatorHost _host = null!;

    public SimulatorHost Host => _host;
    public Bill Bill => _host.Bill;

    public static async Task<SimulatorClient> StartAsync(SimulatorOptions? options = null) => new() { _host = await SimulatorHost.StartAsync(options) };

    public async Task<HttpResponseMessage> Send(string path, string json, string sim = "", string? id = null, HttpMethod? method = null, HttpCompletionOption until = HttpCompletionOption.ResponseHeadersRead, CancellationToken ct = default)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, new Uri(_host.Address, path));
        request.Headers.Add("Authorization", "Bearer sk-test");
        request.Headers.Add("anthropic-version", "2023-06-01");
        if (sim.Length > 0)
            request.Headers.Add(Behaviour.Header, sim);
        if (id is not null)
            request.Headers.Add(ProviderSimulator.RequestIdHeader, id);
        if (json.Length > 0)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        return await _http.SendAsync(request, until, ct);
    }

    /// <summary>The JSON of an answer that must be 200.</summary>
    public async Task<JsonElement> Json(string path, string json, string sim = "", string? id = null)
    {
        using var response = await Send(path, json, sim, id);
        var text = await response.Content.ReadAsStringAsync();
        Xunit.Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }

    /// <summary>The text of an answer that must be 200.</summary>
    public async Task<string> Text(string path, string json, string sim = "", string? id = null)
    {
        using var response = await Send(path, json, sim, id);
        var text = await response.Content.ReadAsStringAsync();
        Xunit.Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    public async Task<JsonElement> Get(string path)
    {
        using var response = await Send(path, "", method: HttpMethod.Get);
        return JsonElement.Parse(await response.Content.ReadAsStringAsync());
    }

    /// <summary>Waits until so many calls wait inside the simulator.</summary>
    public async Task Waiting(int calls)
    {
        for (var waited = 0; waited < 30_000 && _host.Simulator.Waiting < calls; waited += 5)
            await Task.Delay(5);
        Xunit.Assert.Equal(calls, _host.Simulator.Waiting);
    }

    /// <summary>Waits for the bill to hold so many lines.</summary>
    public async Task<IReadOnlyList<BillEntry>> Billed(int lines)
    {
        for (var waited = 0; waited < 30_000 && _host.Bill.Entries.Count < lines; waited += 20)
            await Task.Delay(20);
        Xunit.Assert.Equal(lines, _host.Bill.Entries.Count);
        return _host.Bill.Entries;
    }

    /// <summary>The JSON of each <c>data:</c> line, without the end mark.</summary>
    public static List<JsonElement> Events(string stream) =>
        [.. stream.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonElement.Parse(line["data: ".Length..]))];

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
    }
}
