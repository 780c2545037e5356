using System.Buffers;

namespace CurateMe.Gateway.Simulator;

/// <summary>A step of a stream: the bytes put into the buffer since the last one are to be sent.</summary>
/// <param name="Tokens">Completion tokens generated in this step, thought included.</param>
/// <param name="Reasoning">How many of them are thought.</param>
/// <param name="Audio">How many of them are sound.</param>
/// <param name="Finished">Generation is over: from here on the call is charged in full.</param>
internal readonly record struct Beat(int Tokens = 0, int Reasoning = 0, int Audio = 0, bool Finished = false);

/// <summary>
/// Sends the steps of a stream. Charged in full before the first byte after the end of generation; when the caller leaves earlier,
/// for the prompt and what had been generated when that was noticed.
/// </summary>
internal sealed class EventStream(SimulatedCall call, BillCounts units, ArrayBufferWriter<byte> buffer, CancellationToken gone)
{
    /// <summary>Bytes sent to the connection at once while no delay is asked for.</summary>
    const int FlushBytes = 4096;

    readonly Behaviour _behaviour = call.Behaviour;
    readonly HttpResponse _response = call.Context.Response;
    int _tokens;
    int _reasoning;
    int _audio;
    int _sent;
    int _unflushed;
    uint _random = (uint)call.Behaviour.Seed | 1;

    bool Halfway => _tokens * 2 >= units.CompletionTokens;

    public async Task RunAsync(IEnumerable<Beat> beats, string contentType)
    {
        if (_behaviour.LatencyMs > 0 && !await call.Simulator.Pause(_behaviour.LatencyMs, gone))
        {
            Abandon();
            return;
        }
        if (await call.FailsBeforeAnswer(units, stream: true))
            return;
        call.SetRequestId();
        _response.ContentType = contentType;
        _response.Headers.CacheControl = "no-cache";
        if (_behaviour.Fail == Fault.ResetAfterHeaders)
        {
            ChargeGenerated();
            await _response.StartAsync(CancellationToken.None);
            await _response.Body.FlushAsync(CancellationToken.None);
            Connections.Reset(call.Context);
            return;
        }
        await SendAll(beats);
    }

    async Task SendAll(IEnumerable<Beat> beats)
    {
        if (_behaviour.TtfbMs > 0)
        {
            await _response.StartAsync(CancellationToken.None);
            await _response.Body.FlushAsync(CancellationToken.None);
            if (!await call.Simulator.Pause(_behaviour.TtfbMs, gone))
            {
                Abandon();
                return;
            }
        }
        foreach (var beat in beats)
        {
            if (!await Step(beat))
                return;
        }
        await Flush();
    }

    /// <summary>False when the stream is over.</summary>
    async ValueTask<bool> Step(Beat beat)
    {
        if (beat.Tokens > 0 && _behaviour.ChunkDelayMs > 0)
            await call.Simulator.Pause(_behaviour.ChunkDelayMs, gone);
        if (gone.IsCancellationRequested && _tokens < units.CompletionTokens)
        {
            ChargeGenerated();
            return false;
        }
        _tokens += beat.Tokens;
        _reasoning += beat.Reasoning;
        _audio += beat.Audio;
        if (beat.Finished)
            call.Charge(units, stream: true, cancelled: false);
        if (beat.Tokens > 0 && !beat.Finished && _behaviour.Fail != Fault.None && await Spoil())
            return false;
        if (beat.Tokens > 0 && _behaviour.Keepalive && !await Send(": ping\n\n"u8.ToArray()))
            return false;
        if (!await Send(buffer.WrittenMemory))
            return false;
        buffer.ResetWrittenCount();
        if (_unflushed >= FlushBytes || _behaviour.ChunkDelayMs > 0)
            await Flush();
        return true;
    }

    /// <summary>True when the stream ends here.</summary>
    async ValueTask<bool> Spoil()
    {
        switch (_behaviour.Fail)
        {
            case Fault.GarbageSse:
                await Send("data: {\"choices\":[{\"ind\n\nevent: nonsense\nnot a field\ndata: <html>502</html>\n\n:\n\n"u8.ToArray());
                return false;
            case Fault.MalformedJson:
                await Send("data: {\"usage\":{\"prompt_tokens\":\n\n"u8.ToArray());
                return false;
            case Fault.EndEarly when Halfway:
                ChargeGenerated();
                await Send(buffer.WrittenMemory);
                await Flush();
                return true;
            case Fault.ErrorEvent when Halfway:
                ChargeGenerated();
                await Send(buffer.WrittenMemory);
                await Send(ErrorEvent());
                await Flush();
                return true;
            case Fault.Stall when Halfway:
                await Send(buffer.WrittenMemory);
                await Flush();
                await call.Simulator.Pause(Timeout.Infinite, gone);
                Abandon();
                return true;
            default:
                return false;
        }
    }

    byte[] ErrorEvent()
    {
        var dialect = call.Operation.Dialect;
        var body = ProviderError.Of(dialect == Dialect.Anthropic ? 529 : 500).Body(dialect, call.Id("req_"));
        return [.. dialect == Dialect.Anthropic ? "event: error\ndata: "u8 : "data: "u8, .. body.Span, .. "\n\n"u8];
    }

    /// <summary>Ends without an end: the caller has left, or the simulator stops.</summary>
    void Abandon()
    {
        ChargeGenerated();
        Connections.Reset(call.Context);
    }

    void ChargeGenerated() => call.Charge(
        _behaviour.Bill == Billing.Full ? units : units with { CompletionTokens = _tokens, ReasoningTokens = _reasoning, AudioCompletionTokens = _audio },
        stream: true, cancelled: true);

    async ValueTask<bool> Send(ReadOnlyMemory<byte> bytes)
    {
        if (_behaviour.Crlf)
            bytes = WithCrLf(bytes.Span);
        var cut = _behaviour.Fail == Fault.CutAfterBytes && _sent + bytes.Length > _behaviour.CutAfterBytes;
        if (cut)
            bytes = bytes[..(_behaviour.CutAfterBytes - _sent)];
        _sent += bytes.Length;
        if (_behaviour.Split)
            await SendSplit(bytes);
        else
            _response.BodyWriter.Write(bytes.Span);
        _unflushed += bytes.Length;
        if (!cut)
            return true;
        ChargeGenerated();
        await Flush();
        Connections.Reset(call.Context);
        return false;
    }

    async ValueTask SendSplit(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            _random ^= _random << 13;
            _random ^= _random >> 17;
            _random ^= _random << 5;
            var length = Math.Min(bytes.Length, (int)(_random % 7) + 1);
            _response.BodyWriter.Write(bytes.Span[..length]);
            await Flush();
            bytes = bytes[length..];
        }
    }

    async ValueTask Flush()
    {
        _unflushed = 0;
        await _response.BodyWriter.FlushAsync(CancellationToken.None);
    }

    static ReadOnlyMemory<byte> WithCrLf(ReadOnlySpan<byte> bytes)
    {
        var text = new List<byte>(bytes.Length + 16);
        foreach (var b in bytes)
        {
            if (b == (byte)'\n' && (text.Count == 0 || text[^1] != (byte)'\r'))
                text.Add((byte)'\r');
            text.Add(b);
        }
        return text.ToArray();
    }
}
