using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Steps 6 to 8 of a request: within the hold's scope forward and meter; leave the scope, which settles; only then end the answer.
/// A plain answer waits for the settlement and carries its figures in headers; a stream carries the hold's at its start and the settled ones as trailers.
/// </summary>
sealed class AnswerDelivery(Forwarder forwarder, StreamRelay relay, ResponseOwners owners, BackgroundWatch watch, ForwardOptions options, TimeProvider time)
{
    readonly Deadlines deadlines = new();

    /// <param name="calls">The call, then those to fall back to, in order.</param>
    public async Task DeliverAsync(IReadOnlyList<Call> calls, Hold hold, RequestFacts facts, OrgPolicy policy)
    {
        var deadline = deadlines.Start(options.TotalTimeout);
        var exchange = calls[0].Exchange;
        PlainAnswer? plain = null;
        HttpResponseMessage? answer = null;
        ClientStream? client = null;
        var broken = false;
        try
        {
            try
            {
                await using (hold)
                {
                    var call = calls[0];
                    if (calls.Count == 1)
                    {
                        answer = await forwarder.SendAsync(call, hold, deadline.Token);
                    }
                    else
                    {
                        (call, answer) = await SendFirstAsync(calls, hold, deadline.Token);
                    }
                    hold.Record.StatusCode = (int)answer.StatusCode;
                    if (ProviderFailure.Is(answer))
                    {
                        hold.NotBilled((int)answer.StatusCode);
                        await FailAsync(call, answer, deadline.Token);
                    }
                    var form = answer.IsSuccessStatusCode ? exchange.Dialect.FormOf(facts, answer) : StreamForm.Whole;
                    if (form != StreamForm.Whole)
                    {
                        client = OpenStream(exchange, answer, deadline.Token);
                        broken = await StreamAsync(client, call, answer, form, hold, facts, policy, deadline);
                    }
                    else
                    {
                        plain = await ReadPlainAsync(call, answer, hold, facts, policy, deadline.Token);
                    }
                    exchange.Lap(Telemetry.Stage.Upstream);
                }
                exchange.Lap(Telemetry.Stage.Settle);
            }
            finally
            {
                // A failure is charged too, or not: its answer says so.
                // One that was handed over is still held.
                if (hold.Record.Status != RecordStatus.Held)
                {
                    exchange.Settled(hold.Record.Cost, hold.End);
                }
            }
            if (exchange.Claim is { } claim)
            {
                await claim.KeepAsync(answer!, plain, client, broken);
            }
            if (plain is not null)
            {
                await SendPlainAsync(exchange, answer, plain, deadline.Token);
            }
            else if (broken)
            {
                client!.BreakOff();
            }
            else
            {
                await client!.EndAsync();
            }
        }
        finally
        {
            plain?.Dispose();
            answer?.Dispose();
            deadlines.Return(deadline);
        }
    }

    // The first of the calls that the provider does not fail; the hold covers the dearest.
    async Task<(Call Call, HttpResponseMessage Answer)> SendFirstAsync(IReadOnlyList<Call> calls, Hold hold, CancellationToken deadline)
    {
        for (var i = 0; ; i++)
        {
            var call = calls[i];
            var last = i == calls.Count - 1 || call.Exchange.ClientLeft;
            hold.Record.Provider = call.Target.Upstream.Row.Name;
            hold.Record.Model = call.Target.RecordedModel;
            try
            {
                var answer = await forwarder.SendAsync(call, hold, deadline);
                if (last || !(Forwarder.IsUnbilledFailure((int)answer.StatusCode) || answer.StatusCode == System.Net.HttpStatusCode.TooManyRequests))
                {
                    return (call, answer);
                }
                hold.NotBilled((int)answer.StatusCode);
                answer.Dispose();
            }
            catch (RefusedException e) when (!last && (e.Code == ErrorCode.UpstreamError || e.Code == ErrorCode.CircuitOpen))
            {
            }
        }
    }

    /// <summary>Forwards what nobody bills: there is no hold and no record.</summary>
    public async Task PassFreeAsync(Call call)
    {
        var deadline = deadlines.Start(options.TotalTimeout);
        try
        {
            using var answer = await forwarder.SendAsync(call, hold: null, deadline.Token);
            if (ProviderFailure.Is(answer))
            {
                await FailAsync(call, answer, deadline.Token);
            }
            using var plain = await PlainAnswer.ReadAsync(answer, call.Exchange.Dialect.MaxPlainAnswer, deadline.Token);
            await SendPlainAsync(call.Exchange, answer, plain, deadline.Token);
        }
        finally
        {
            deadlines.Return(deadline);
        }
    }

    // On its own, so that only failures pay for it.
    async Task FailAsync(Call call, HttpResponseMessage answer, CancellationToken deadline) =>
        throw await ProviderFailure.ReadAsync(call.Target.Upstream.Row, answer, time, deadline);

    async Task<PlainAnswer> ReadPlainAsync(Call call, HttpResponseMessage answer, Hold hold, RequestFacts facts, OrgPolicy policy, CancellationToken deadline)
    {
        PlainAnswer plain;
        try
        {
            plain = await PlainAnswer.ReadAsync(answer, call.Exchange.Dialect.MaxPlainAnswer, deadline);
        }
        catch (OperationCanceledException)
        {
            throw new RefusedException(
                ErrorCode.UpstreamTimeout, $"{call.Target.Upstream.Row.Name} did not finish within {options.TotalTimeout.TotalSeconds:0} s.", "Ask for less output, or stream.");
        }
        if (!answer.IsSuccessStatusCode)
        {
            hold.NotBilled((int)answer.StatusCode);
            return plain;
        }
        hold.Record.TtftMs = (int)time.GetElapsedTime(call.Exchange.Started).TotalMilliseconds;
        var meter = call.Exchange.Dialect.Meter(facts, call.Target.Upstream.Row, call.Target.Price);
        meter.ReadPlain(plain.Memory.Span);
        if (await KeepAsync(call, meter.Reading) is { } id && meter.Reading.Pending)
        {
            Follow(call, hold, facts, policy, id);
            return plain;
        }
        var status = !plain.Complete ? RecordStatus.UpstreamBroken : call.Exchange.ClientLeft ? RecordStatus.ClientLeft : RecordStatus.Settled;
        Settlement.Apply(hold, facts, in meter.Reading, call.Target.Price, policy, status, call.Target.Upstream.Row.AutoTier);
        return plain;
    }

    // The generation goes on whatever becomes of this answer; who follows it settles it.
    void Follow(Call call, Hold hold, RequestFacts facts, OrgPolicy policy, string id)
    {
        call.Exchange.Claim?.GoesOn();
        watch.Follow(new BackgroundCall(hold.HandOver(), facts, call.Target, policy, call.ProviderKey, id, call.Exchange.Dialect, call.Exchange.Principal!.Path));
    }

    // The name of an answer that the provider keeps, remembered as this org's.
    async ValueTask<string?> KeepAsync(Call call, MeterReading reading)
    {
        if (reading.StoredId is { } id)
        {
            await owners.AddAsync(id, call.Exchange.Principal!.OrgId, call.Target.Upstream.Row.Name);
        }
        return reading.StoredId;
    }

    ClientStream OpenStream(Exchange exchange, HttpResponseMessage answer, CancellationToken deadline)
    {
        if (!exchange.ClientLeft)
        {
            HeaderHygiene.CopyToClient(answer, exchange.Http.Response.Headers);
            exchange.Http.Response.StatusCode = (int)answer.StatusCode;
            exchange.WriteHeaders();
        }
        return new ClientStream(exchange, options.ClientStallTimeout, deadline);
    }

    // True when the stream broke off, so that the client must see a broken connection too.
    async Task<bool> StreamAsync(
        ClientStream client, Call call, HttpResponseMessage answer, StreamForm form, Hold hold, RequestFacts facts, OrgPolicy policy, CancellationTokenSource deadline)
    {
        var exchange = call.Exchange;
        var meter = exchange.Dialect.Meter(facts, call.Target.Upstream.Row, call.Target.Price);
        var end = await relay.PassAsync(client, answer, meter, form, deadline);
        if (end.FirstByte != 0)
        {
            hold.Record.TtftMs = (int)time.GetElapsedTime(exchange.Started, end.FirstByte).TotalMilliseconds;
        }
        var id = await KeepAsync(call, meter.Reading);
        var background = facts is Providers.OpenAi.ResponsesFacts { Background: true };
        if (id is not null && background && !meter.Reading.Final)
        {
            Follow(call, hold, facts, policy, id);
            return !end.Complete;
        }
        var status = end.GivenUp ? RecordStatus.Abandoned
            : !end.Complete ? RecordStatus.UpstreamBroken
            : exchange.ClientLeft ? RecordStatus.ClientLeft
            : RecordStatus.Settled;
        if ((end.GivenUp || (background && !end.Complete)) && !meter.Reading.Final)
        {
            // The provider goes on and bills what nobody will see, also where it told on the way how far it was.
            hold.Presumed(status);
        }
        else
        {
            Settlement.Apply(hold, facts, in meter.Reading, call.Target.Price, policy, status, call.Target.Upstream.Row.AutoTier);
        }
        return !end.Complete;
    }

    static async Task SendPlainAsync(Exchange exchange, HttpResponseMessage answer, PlainAnswer plain, CancellationToken deadline)
    {
        if (exchange.ClientLeft)
        {
            return;
        }
        var response = exchange.Http.Response;
        response.StatusCode = (int)answer.StatusCode;
        HeaderHygiene.CopyToClient(answer, response.Headers);
        await exchange.WriteHeadersAsync();
        if (!plain.Complete)
        {
            // Shorter than the provider meant it: the client must not take it for whole.
            response.ContentLength = plain.Length + 1L;
            await WriteAsync(exchange, plain.Memory, deadline);
            exchange.Http.Abort();
            return;
        }
        response.ContentLength = plain.Length;
        await WriteAsync(exchange, plain.Memory, deadline);
    }

    // All is settled by now: only the connection and the memory wait for a client that does not read.
    static ValueTask WriteAsync(Exchange exchange, ReadOnlyMemory<byte> bytes, CancellationToken deadline)
    {
        var write = exchange.Http.Response.Body.WriteAsync(bytes, exchange.Aborted);
        return write.IsCompletedSuccessfully ? default : WaitAsync();

        async ValueTask WaitAsync()
        {
            using var end = deadline.UnsafeRegister(static http => ((HttpContext)http!).Abort(), exchange.Http);
            await write;
        }
    }
}
