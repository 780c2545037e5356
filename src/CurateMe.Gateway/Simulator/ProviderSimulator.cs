using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using CurateMe.Gateway.Simulator.Anthropic;
using CurateMe.Gateway.Simulator.OpenAi;

namespace CurateMe.Gateway.Simulator;

/// <summary>One thing that a provider does, under <c>/{provider}/</c> and this path.</summary>
/// <param name="Name">As on the bill, e.g. <c>chat.completions</c>.</param>
/// <param name="ReadsJson">The body is parsed as JSON before the handler runs.</param>
internal sealed record Operation(string Name, Dialect Dialect, string Method, string Path, bool ReadsJson, Func<SimulatedCall, Task> Handler);

/// <summary>
/// Answers as the providers do: their shapes, their errors, real counts of tokens, no network. Keeps its own <see cref="Bill"/>.
/// </summary>
/// <remarks>
/// What is billed: a plain answer when its generation ends, before the first byte is sent, whether or not the caller is still there,
/// since a generation that runs cannot be stopped. A stream in full when its generation ends; for its prompt and for the tokens made so far
/// when the caller is seen to have left, or the connection broke. Errors are not billed. How usage is told to the caller does not matter to the bill.
/// </remarks>
internal sealed class ProviderSimulator : IAsyncDisposable
{
    /// <summary>Inbound header whose value names the call on the bill.</summary>
    public const string RequestIdHeader = "X-Client-Request-Id";

    readonly CancellationTokenSource _stopping = new();
    readonly ConcurrentDictionary<Task, byte> _running = new();
    long _number;
    int _waiting;

    public ProviderSimulator(SimulatorOptions options)
    {
        Time = options.Time;
        Bill = new Bill(options.Bill, options.MaxBillEntries);
        Behaviours = new BehaviourBoard(options.Behaviour);
    }

    public Bill Bill { get; }
    public BehaviourBoard Behaviours { get; }
    public PromptCache PromptCache { get; } = new();
    public StoredResponses Responses { get; } = new();
    public TimeProvider Time { get; }
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Calls that wait at this moment.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    public long NextNumber() => Interlocked.Increment(ref _number);

    /// <summary>Adds the providers' endpoints and <c>/_sim</c>.</summary>
    public void Map(IEndpointRouteBuilder app)
    {
        foreach (var operation in Operations.All)
        {
            // RequestDelegate, not a lambda with parameters: nothing is bound by reflection
            RequestDelegate serve = context => Serve(context, operation);
            app.MapMethods("/{provider}" + operation.Path, [operation.Method], serve);
        }
        SimulatorControl.Map(app, this);
    }

    /// <summary>Waits.</summary>
    /// <returns>False when <paramref name="gone"/> or a stop cut the wait short.</returns>
    public async ValueTask<bool> Pause(int milliseconds, CancellationToken gone)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(gone, _stopping.Token);
        Interlocked.Increment(ref _waiting);
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), Time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _waiting);
        return !either.IsCancellationRequested;
    }

    /// <summary>Keeps work that outlives its call, until it ends or the simulator stops.</summary>
    public void Run(Task work)
    {
        _running[work] = 0;
        // Work that failed stays, so that stopping the simulator tells of it
        _ = work.ContinueWith(done => _running.TryRemove(done, out _), CancellationToken.None,
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Ends every wait, so that the host can stop.</summary>
    public void Stop() => _stopping.Cancel();

    public async ValueTask DisposeAsync()
    {
        Stop();
        await Task.WhenAll(_running.Keys);
        _stopping.Dispose();
        Bill.Dispose();
    }

    async Task Serve(HttpContext context, Operation operation)
    {
        var provider = (string)context.Request.RouteValues["provider"]!;
        Behaviour behaviour;
        try
        {
            behaviour = Behaviours.For(context, provider);
        }
        catch (FormatException e)
        {
            await new SimulatedCall(this, context, operation, provider, Behaviour.Default).RefuseAsync(new ProviderError(400, $"{Behaviour.Header}: {e.Message}"));
            return;
        }
        var call = new SimulatedCall(this, context, operation, provider, behaviour);
        byte[]? rented = null;
        try
        {
            (rented, var length) = await ReadBody(context);
            call.RawBody = rented.AsMemory(0, length);
            Authorize(context);
            if (operation.ReadsJson)
                await Parsed(call, operation);
            else
                await operation.Handler(call);
        }
        catch (ProviderError error)
        {
            await call.RefuseAsync(error);
        }
        catch (IOException)
        {
            // The caller left while it was sending its request: there is nothing to answer and nothing to bill
            context.Abort();
        }
        finally
        {
            if (rented is not null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }

    static async Task Parsed(SimulatedCall call, Operation operation)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(call.RawBody);
        }
        catch (JsonException)
        {
            throw new ProviderError(400, "We could not parse the JSON body of your request.");
        }
        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ProviderError(400, "The body of the request must be a JSON object.");
            call.Body = document.RootElement;
            await operation.Handler(call);
        }
    }

    static void Authorize(HttpContext context)
    {
        var headers = context.Request.Headers;
        var key = headers.Authorization.ToString();
        if (key.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            key = key["Bearer ".Length..];
        if (key.Length == 0)
            key = headers["x-api-key"].ToString();
        if (key.Length == 0)
            key = headers["x-goog-api-key"].ToString();
        if (key.Length == 0)
            key = headers["api-key"].ToString();
        if (key.Length == 0)
            key = context.Request.Query["key"].ToString();
        if (key.Length == 0 || key.StartsWith("sk-bad", StringComparison.Ordinal))
            throw ProviderError.Of(401);
    }

    static async Task<(byte[] Rented, int Length)> ReadBody(HttpContext context)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(context.Request.ContentLength ?? 4096, 256, SimulatorOptions.MaxBodyBytes) + 1);
        var length = 0;
        try
        {
            while (true)
            {
                if (length == buffer.Length)
                {
                    if (length > SimulatorOptions.MaxBodyBytes)
                        throw new ProviderError(413, "The request is too large.");
                    var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
                var read = await context.Request.Body.ReadAsync(buffer.AsMemory(length));
                if (read == 0)
                    return (buffer, length);
                length += read;
            }
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }
}
