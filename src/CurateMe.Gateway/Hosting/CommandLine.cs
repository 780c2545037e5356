using CurateMe.Gateway.Configuration;

namespace CurateMe.Gateway.Hosting;

/// <summary>What the command line says: settings that there are, and nothing else. A mistyped one would take the next for its value.</summary>
/// <param name="Demo"><c>--demo</c>.</param>
/// <param name="Settings">Each as <c>--key=value</c>.</param>
sealed record CommandLine(bool Demo, IReadOnlyList<string> Settings)
{
    const string DemoSwitch = "--demo";
    const string Dashes = "--";

    /// <summary>Reads the arguments; what is wrong with them is added to the faults, never a value, which may be a secret.</summary>
    public static CommandLine Read(IReadOnlyList<string> args, ConfigurationFaults faults)
    {
        List<string> settings = [];
        List<string> unknown = [];
        for (var i = 0; i < args.Count; i++)
        {
            if (args[i] == DemoSwitch)
            {
                continue;
            }
            var (name, value) = Split(args[i]);
            if (name is null)
            {
                faults.Add($"Argument {i + 1}", "is neither a switch nor the value of one");
                continue;
            }
            if (value is null && i + 1 < args.Count && !IsSwitch(args[i + 1]))
            {
                value = args[++i];
            }
            Take(name, value, settings, unknown, faults);
        }
        if (unknown.Count > 0)
        {
            faults.Add(string.Join(", ", unknown), $"cannot be set: there is {DemoSwitch}, and with a value {string.Join(", ", KnownSettings.Names.Select(static n => Dashes + n))}{Meant(unknown)}");
        }
        return new CommandLine(args.Contains(DemoSwitch, StringComparer.Ordinal), settings);
    }

    static string Meant(List<string> unknown)
    {
        var meant = unknown.Select(static u => u.Length <= Dashes.Length ? null : NearMatch.Of(u, [DemoSwitch]) ?? (KnownSettings.Nearest(u[Dashes.Length..]) is { } name ? Dashes + name : null)).OfType<string>().ToList();
        return meant.Count == 0 ? "" : $". Did you mean {string.Join(", ", meant)}?";
    }

    static void Take(string name, string? value, List<string> settings, List<string> unknown, ConfigurationFaults faults)
    {
        if (!KnownSettings.Has(name))
        {
            unknown.Add(Dashes + name);
        }
        else if (value is null)
        {
            faults.Add(Dashes + name, "is without a value");
        }
        else
        {
            settings.Add($"{Dashes}{name}={value}");
        }
    }

    // No name: it is no switch. Without dashes only a setting with its value is one.
    static (string? Name, string? Value) Split(string argument)
    {
        var text = IsSwitch(argument) ? argument[Dashes.Length..] : argument;
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var name = equals < 0 ? text : text[..equals];
        return IsSwitch(argument) || (equals > 0 && KnownSettings.Has(name)) ? (name, equals < 0 ? null : text[(equals + 1)..]) : (null, null);
    }

    static bool IsSwitch(string argument) => argument.StartsWith(Dashes, StringComparison.Ordinal);
}
