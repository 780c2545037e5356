using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>What a request is answered that ended in an exception, and what the log says of it.</summary>
sealed partial class RequestFailures(TimeProvider time, ILogger<RequestFailures> logger)
{
    static readonly TimeSpan LogEvery = TimeSpan.FromSeconds(5);

    readonly Seldom journalLines = new(time, LogEvery);
    readonly Seldom counterLines = new(time, LogEvery);
    readonly Seldom configurationLines = new(time, LogEvery);

    /// <summary>The refusal; null when nobody is left to hear one, because the client went away.</summary>
    public RefusedException? Answer(Exchange exchange, Exception e)
    {
        Note(exchange, e);
        if (Refusals.Of(e) is { } refusal)
        {
            return refusal;
        }
        switch (e)
        {
            case BadHttpRequestException { StatusCode: var status }:
                return new RefusedException(
                    status == 413 ? ErrorCode.BodyTooLarge : ErrorCode.InvalidJson, "The request could not be read to its end.", "Send a complete HTTP request.");
            case RequestCutOffException:
            case OperationCanceledException or IOException when exchange.ClientLeft:
                // While it sent its request or took its answer; whatever was held has ended in its scope.
                return null;
            default:
                Log.Failed(logger, exchange.Id, e.GetType().FullName, e.StackTrace);
                return new RefusedException(ErrorCode.Internal, "The gateway failed.", "Try again; if it lasts, report the X-CM-Request-ID.");
        }
    }

    // While a store is away every request says so; the log says it once in a while.
    void Note(Exchange exchange, Exception e)
    {
        switch (e)
        {
            case JournalUnavailableException when journalLines.Pass(out var more):
                Log.JournalUnavailable(logger, exchange.Id, more, e.Message);
                break;
            case CounterStoreUnavailableException when counterLines.Pass(out var more):
                Log.CountersUnavailable(logger, exchange.Id, more, e.Message);
                break;
            case ConfigStoreUnavailableException or TimeoutException when configurationLines.Pass(out var more):
                Log.ConfigurationUnavailable(logger, exchange.Id, more, e.Message);
                break;
        }
    }

    static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Error, "{RequestId} refused, and {More} since the last such line: the journal cannot be written: {Reason}")]
        public static partial void JournalUnavailable(ILogger logger, RequestId requestId, long more, string reason);

        [LoggerMessage(1002, LogLevel.Error, "{RequestId} refused, and {More} since the last such line: the budget store does not answer: {Reason}")]
        public static partial void CountersUnavailable(ILogger logger, RequestId requestId, long more, string reason);

        [LoggerMessage(1006, LogLevel.Error, "{RequestId} refused, and {More} since the last such line: the configuration store does not answer: {Reason}")]
        public static partial void ConfigurationUnavailable(ILogger logger, RequestId requestId, long more, string reason);

        // No exception text: it may quote the request.
        [LoggerMessage(1003, LogLevel.Error, "{RequestId} failed: {Type}\n{Stack}")]
        public static partial void Failed(ILogger logger, RequestId requestId, string? type, string? stack);
    }
}
