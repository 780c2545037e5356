using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /responses</c>: whole, streamed or in the background; <c>GET</c>, <c>DELETE</c> and <c>POST …/cancel</c> of what is stored.</summary>
internal static class Responses
{
    /// <summary>Milliseconds that a generation in the background takes when no latency is asked for.</summary>
    const int BackgroundMs = 50;

    public static Task Answer(SimulatedCall call)
    {
        var request = ResponsesRequest.Read(call);
        var made = new ResponseBody(call, request);
        if (request.Background && !request.Stream)
            return Background(call, request, made);
        if (request.Store)
        {
            var stored = new StoredResponse(made.Id, request.Units, made.Render);
            stored.Become(made.FinalStatus);
            call.Simulator.Responses.Add(stored);
        }
        if (!request.Stream)
            return call.AnswerAsync(request.Units, made.Render(made.FinalStatus));
        var buffer = new ArrayBufferWriter<byte>(4096);
        return call.StreamAsync(request.Units, buffer, new ResponseEvents(made, buffer).All(), outlivesCaller: request.Background);
    }

    /// <summary>Free of charge, like all that concerns a stored response.</summary>
    public static Task Get(SimulatedCall call) => call.AnswerFreeAsync(Find(call).Body);

    public static Task Delete(SimulatedCall call)
    {
        var response = Find(call);
        call.Simulator.Responses.Remove(response.Id);
        return call.AnswerFreeAsync(Written.Object(response.Id, static (json, id) =>
        {
            json.WriteString("id", id);
            json.WriteString("object", "response");
            json.WriteBoolean("deleted", true);
        }));
    }

    public static async Task Cancel(SimulatedCall call)
    {
        var response = Find(call);
        if (response.Become("cancelled"))
            await response.Cancelled.CancelAsync();
        await call.AnswerFreeAsync(response.Body);
    }

    static StoredResponse Find(SimulatedCall call)
    {
        var id = (string)call.Context.Request.RouteValues["id"]!;
        return call.Simulator.Responses.Find(id) ?? throw new ProviderError(404, $"Response with id '{id}' not found.");
    }

    static async Task Background(SimulatedCall call, ResponsesRequest request, ResponseBody made)
    {
        if (await call.FailsBeforeAnswer(request.Units, stream: false))
            return;
        var stored = new StoredResponse(made.Id, request.Units, made.Render);
        call.Simulator.Responses.Add(stored);
        var first = stored.Body;
        // The generation goes on after the answer; the simulator waits for it when it stops
        call.Simulator.Run(Generate(call, stored, made.FinalStatus));
        await call.SendAsync(first);
    }

    static async Task Generate(SimulatedCall call, StoredResponse stored, string finalStatus)
    {
        await Task.Yield();
        stored.Become("in_progress");
        var done = await call.Simulator.Pause(call.Behaviour.LatencyMs > 0 ? call.Behaviour.LatencyMs : BackgroundMs, stored.Cancelled.Token);
        // Charged before it can be seen to have ended
        if (done)
            stored.Become(finalStatus, first: () => call.Charge(stored.Units, stream: false, cancelled: false));
        if (stored.Status == "cancelled")
            call.Charge(stored.Units with { CompletionTokens = 0, ReasoningTokens = 0 }, stream: false, cancelled: true);
    }
}
