using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using CurateMe.Gateway.Simulator.OpenAi;

namespace CurateMe.Gateway.Simulator;

/// <summary>
/// Answers chat completions from bytes made once for each distinct request body, so that a load test measures the gateway and not its upstream.
/// The usage told is right for the body; ids repeat. Knows a delay, but no other behaviour, no authorisation and no bill.
/// </summary>
internal sealed class FastAnswers(ProviderSimulator simulator)
{
    /// <summary>Distinct bodies whose answers are kept; others are answered in the usual way.</summary>
    public const int MaxBodies = 256;

    /// <summary>Longest body that is answered this way, in bytes.</summary>
    public const int MaxBodyBytes = 16 * 1024;

    readonly ConcurrentDictionary<int, Ready> _ready = new();

    public async Task Middleware(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (!request.Path.Value!.EndsWith("/chat/completions", StringComparison.Ordinal) || request.ContentLength is not <= MaxBodyBytes)
        {
            await next(context);
            return;
        }
        var ready = await Find(context);
        if (ready is null)
        {
            await next(context);
            return;
        }
        if (simulator.Behaviours.Defaults.LatencyMs is > 0 and var latency)
            await simulator.Pause(latency, context.RequestAborted);
        context.Response.ContentType = ready.Stream ? "text/event-stream; charset=utf-8" : "application/json";
        if (!ready.Stream)
            context.Response.ContentLength = ready.Answer.Length;
        context.Response.BodyWriter.Write(ready.Answer);
    }

    async ValueTask<Ready?> Find(HttpContext context)
    {
        var reader = context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            if (!read.IsCompleted && read.Buffer.Length < context.Request.ContentLength)
            {
                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }
            var ready = Find(context, read.Buffer.IsSingleSegment ? read.Buffer.FirstSpan : read.Buffer.ToArray());
            // What is not answered here is left unread for those who come after
            reader.AdvanceTo(ready is null ? read.Buffer.Start : read.Buffer.End);
            return ready;
        }
    }

    Ready? Find(HttpContext context, ReadOnlySpan<byte> body)
    {
        var hash = new HashCode();
        hash.AddBytes(body);
        var key = hash.ToHashCode();
        if (_ready.TryGetValue(key, out var ready))
            return ready.Body.AsSpan().SequenceEqual(body) ? ready : null;
        if (_ready.Count >= MaxBodies || Make(context, body.ToArray()) is not { } made)
            return null;
        return _ready.GetOrAdd(key, made);
    }

    /// <summary>Null when the request is not a good one.</summary>
    Ready? Make(HttpContext context, byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var operation = Operations.All.First(operation => operation.Name == "chat.completions");
            var call = new SimulatedCall(simulator, context, operation, "openai", simulator.Behaviours.Defaults) { Body = document.RootElement, RawBody = body };
            var (answer, stream) = ChatCompletions.Render(call);
            return new Ready(body, answer, stream);
        }
        catch (Exception e) when (e is JsonException or ProviderError)
        {
            return null;
        }
    }

    sealed record Ready(byte[] Body, byte[] Answer, bool Stream);
}
