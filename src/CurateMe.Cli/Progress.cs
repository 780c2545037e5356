using System.Globalization;

namespace CurateMe.Cli;

/// <summary>Says on standard error how far long work has come, at most once a second, and at its end if it took longer than that.</summary>
sealed class Progress(TextWriter errors, TimeProvider time)
{
    static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    readonly long _started = time.GetTimestamp();
    long _said = time.GetTimestamp();

    public void Say(FormattableString line)
    {
        if (time.GetElapsedTime(_said) >= Every)
        {
            _said = time.GetTimestamp();
            errors.WriteLine(line.ToString(CultureInfo.InvariantCulture));
        }
    }

    public void End(FormattableString line)
    {
        var took = time.GetElapsedTime(_started);
        if (took >= Every)
        {
            errors.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{line.ToString(CultureInfo.InvariantCulture)} in {took.TotalSeconds:0.0} s"));
        }
    }
}
