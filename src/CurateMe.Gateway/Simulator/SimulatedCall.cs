using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>One call on its way through the simulator: what was asked, how it shall be answered, and what goes on the bill.</summary>
internal sealed class SimulatedCall(ProviderSimulator simulator, HttpContext context, Operation operation, string provider, Behaviour behaviour)
{
    readonly long _number = simulator.NextNumber();
    readonly string _requestId = context.Request.Headers[ProviderSimulator.RequestIdHeader].ToString();
    bool _charged;
    uint? _seed;

    public ProviderSimulator Simulator => simulator;
    public HttpContext Context => context;
    public Operation Operation => operation;
    public string Provider => provider;

    /// <summary>As on the bill.</summary>
    public string OperationName { get; set; } = operation.Name;
    public Behaviour Behaviour => behaviour;

    /// <summary>The parsed body; an undefined element when the operation has none.</summary>
    public JsonElement Body { get; set; }

    /// <summary>The body as it came.</summary>
    public ReadOnlyMemory<byte> RawBody { get; set; }

    /// <summary>Named by the body or the path; set before anything is charged.</summary>
    public string Model { get; set; } = "";
    public string? ServiceTier { get; set; }

    /// <summary>What the price of a picture depends on, as <c>size/quality</c>.</summary>
    public string? Variant { get; set; }

    /// <summary>Equal prompts have equal seeds, however they are sent, so the text of an answer can be foretold.</summary>
    public uint Seed => _seed ??= Fnv(Prompt) ^ (uint)behaviour.Seed * 0x9E3779B9u;

    public long UnixSeconds => simulator.Time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>An id that no other call has, of the kind that the provider makes.</summary>
    public string Id(string prefix, int length = 24) => Ids.Make(prefix, (ulong)_number ^ (ulong)(uint)behaviour.Seed << 32, length);

    /// <summary>The model's limits.</summary>
    /// <exception cref="ProviderError">404 when the provider does not know it.</exception>
    public ModelCard Card() => ModelCard.Find(provider, Model) ?? throw operation.Dialect switch
    {
        Dialect.Anthropic => new ProviderError(404, $"model: {Model}"),
        Dialect.Gemini => new ProviderError(404, $"models/{Model} is not found for API version v1beta, or is not supported for generateContent."),
        _ => new ProviderError(404, $"The model `{Model}` does not exist or you do not have access to it.", code: "model_not_found"),
    };

    /// <summary>Puts the call on the bill, once; a second time changes nothing.</summary>
    public void Charge(BillCounts units, bool stream, bool cancelled)
    {
        if (_charged || behaviour.Bill == Billing.None || simulator.Bill.Off)
            return;
        _charged = true;
        simulator.Bill.Charge(new BillEntry
        {
            Provider = provider,
            Model = Model,
            Operation = OperationName,
            RequestId = _requestId.Length == 0 ? null : _requestId[..Math.Min(_requestId.Length, Bill.MaxIdLength)],
            ServiceTier = ServiceTier,
            Variant = Variant,
            Stream = stream,
            Cancelled = cancelled,
            Units = units,
        });
    }

    public async Task RefuseAsync(ProviderError error)
    {
        var requestId = SetRequestId();
        var response = context.Response;
        response.StatusCode = error.Status;
        response.ContentType = "application/json";
        if (behaviour.RetryAfter is { } seconds)
            response.Headers.RetryAfter = seconds.ToString();
        var body = error.Body(operation.Dialect, requestId);
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, CancellationToken.None);
    }

    /// <summary>Sends a whole answer, which is charged when it is generated: before its first byte, even if the caller has left.</summary>
    public async Task AnswerAsync(BillCounts units, ReadOnlyMemory<byte> body, string contentType = "application/json")
    {
        if (behaviour.LatencyMs > 0 && !await simulator.Pause(behaviour.LatencyMs, simulator.Stopping))
        {
            Connections.Reset(context);
            return;
        }
        if (await FailsBeforeAnswer(units, stream: false))
            return;
        Charge(units, stream: false, cancelled: false);
        await SendAsync(body, contentType);
    }

    /// <summary>Sends a whole answer now and charges nothing.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> body, string contentType = "application/json")
    {
        var response = context.Response;
        SetRequestId();
        response.ContentType = contentType;
        if (behaviour.Fail == Fault.MalformedJson)
            body = body[..(body.Length / 2)];
        response.ContentLength = body.Length;
        if (behaviour.Fail is Fault.ResetAfterHeaders or Fault.CutAfterBytes)
        {
            var cut = behaviour.Fail == Fault.CutAfterBytes ? Math.Min(behaviour.CutAfterBytes, body.Length) : 0;
            await response.StartAsync();
            await response.Body.WriteAsync(body[..cut]);
            await response.Body.FlushAsync();
            if (cut < body.Length)
                Connections.Reset(context);
            return;
        }
        response.BodyWriter.Write(body.Span);
    }

    /// <summary>Sends a whole answer that no provider charges for.</summary>
    public async Task AnswerFreeAsync(ReadOnlyMemory<byte> body)
    {
        _charged = true;
        await AnswerAsync(new BillCounts(), body);
    }

    /// <summary>Sends a stream of events; see <see cref="EventStream"/>.</summary>
    /// <param name="outlivesCaller">Generation goes on when the caller leaves.</param>
    public Task StreamAsync(BillCounts units, ArrayBufferWriter<byte> buffer, IEnumerable<Beat> beats, string contentType = "text/event-stream; charset=utf-8", bool outlivesCaller = false) =>
        new EventStream(this, units, buffer, outlivesCaller ? CancellationToken.None : context.RequestAborted).RunAsync(beats, contentType);

    /// <summary>Does what was asked to happen instead of an answer.</summary>
    /// <returns>True when the call is over.</returns>
    public async Task<bool> FailsBeforeAnswer(BillCounts units, bool stream)
    {
        if (behaviour.Status == 0 && behaviour.Fail is not (Fault.ConnectResetBeforeHeaders or Fault.Hang))
            return false;
        if (behaviour.Bill == Billing.Full)
            Charge(units, stream, cancelled: false);
        if (behaviour.Fail == Fault.Hang)
            await simulator.Pause(Timeout.Infinite, context.RequestAborted);
        // A hung call that the simulator's end sets free must not pass for an empty answer
        if (behaviour.Fail is Fault.Hang or Fault.ConnectResetBeforeHeaders)
            Connections.Reset(context);
        else
            await RefuseAsync(ProviderError.Of(behaviour.Status));
        return true;
    }

    public string SetRequestId()
    {
        var id = Ids.Make("req_", (ulong)_number, 24);
        context.Response.Headers[operation.Dialect == Dialect.Anthropic ? "request-id" : "x-request-id"] = id;
        return id;
    }

    ReadOnlySpan<byte> Prompt
    {
        get
        {
            foreach (var name in (ReadOnlySpan<string>)["messages", "input", "contents", "prompt"])
            {
                if (Body.Has(name))
                    return JsonMarshal.GetRawUtf8Value(Body.Get(name));
            }
            return RawBody.Span;
        }
    }

    static uint Fnv(ReadOnlySpan<byte> bytes)
    {
        var hash = 2166136261u;
        foreach (var b in bytes)
            hash = (hash ^ b) * 16777619u;
        return hash;
    }
}
