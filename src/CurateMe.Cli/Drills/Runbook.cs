using System.Text.RegularExpressions;

namespace CurateMe.Cli.Drills;

/// <summary>
/// A runbook's commands, as an operator would paste them: every fenced block whose info string is <c>bash NAME</c>. A fence <c>text NAME</c> holds what
/// is not run, and says why beside it.
/// </summary>
sealed partial class Runbook
{
    Runbook(string name, IReadOnlyDictionary<string, string> blocks) => (Name, Blocks) = (name, blocks);

    /// <summary>File name without its ending.</summary>
    public string Name { get; }

    /// <summary>Text of each block by its name.</summary>
    public IReadOnlyDictionary<string, string> Blocks { get; }

    /// <exception cref="InvalidDataException">A block of bash has no name, or two have the same.</exception>
    public static Runbook Read(string directory, string name)
    {
        Dictionary<string, string> blocks = new(StringComparer.Ordinal);
        foreach (Match fence in Fence().Matches(File.ReadAllText(Path.Combine(directory, name + ".md"))))
        {
            var block = fence.Groups["name"].Value;
            if (block.Length == 0 || !blocks.TryAdd(block, fence.Groups["text"].Value))
            {
                throw new InvalidDataException($"{name}.md: a block of bash has no name of its own: ```bash NAME.");
            }
        }
        return new Runbook(name, blocks);
    }

    [GeneratedRegex(@"^```bash[ ]?(?<name>[\w-]*)\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Fence();
}
