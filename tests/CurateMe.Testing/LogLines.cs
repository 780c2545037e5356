using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace CurateMe.Testing;

/// <summary>Keeps every line a host logs, exceptions included, for tests that look for what must not be there.</summary>
public sealed class LogLines : ILoggerProvider
{
    readonly ConcurrentQueue<string> lines = new();

    public IReadOnlyCollection<string> All => lines;

    public ILogger CreateLogger(string categoryName) => new Line(categoryName, lines);

    public void Dispose()
    {
    }

    sealed class Line(string category, ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{logLevel} {category} {eventId.Id} {formatter(state, exception)} {exception}");
    }
}
