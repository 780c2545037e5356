namespace CurateMe.Gateway.Simulator;

/// <summary>Names of made things, as long as the provider's and never the same twice within a run.</summary>
internal static class Ids
{
    const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    public static string Make(string prefix, ulong number, int length) =>
        string.Create(prefix.Length + length, (prefix, number), static (span, state) =>
        {
            state.prefix.CopyTo(span);
            span = span[state.prefix.Length..];
            // The number itself ends the id, so ids differ; what stands before it is only there for the looks
            var number = state.number;
            var noise = (number + 1) * 0x9E3779B97F4A7C15ul;
            for (var i = span.Length - 1; i >= 0; i--)
            {
                if (number > 0)
                {
                    span[i] = Alphabet[(int)(number % 62)];
                    number /= 62;
                    continue;
                }
                noise = (noise ^ noise >> 29) * 0xBF58476D1CE4E5B9ul;
                span[i] = Alphabet[(int)(noise >> 40) % 62];
            }
        });
}
