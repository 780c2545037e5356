using CurateMe.Ledger.Journal;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// The names under which the lives of a data directory hold money in the shared counters, in a file beside their journal: a line for each, its name and
/// the run of the machine that it lived in.
/// </summary>
sealed class ReplicaNames
{
    /// <summary>Most names remembered; the holds of an older life have expired long since.</summary>
    const int Most = 100;

    const string BootPath = "/proc/sys/kernel/random/boot_id";

    readonly string path;
    readonly string self;

    ReplicaNames(string path, string self, List<string> former) => (this.path, this.self, Former) = (path, self, former);

    /// <summary>
    /// Earlier lives that wrote all their entries to this journal. A life before the machine's last start is none of them: the end of its journal may be
    /// lost with the power.
    /// </summary>
    public IReadOnlyList<string> Former { get; private set; }

    /// <summary>Adds a name to the file, before it holds anything.</summary>
    /// <exception cref="JournalUnavailableException">The file cannot be read or written.</exception>
    public static ReplicaNames Open(JournalFile journal, string self)
    {
        var path = Path.Combine(journal.Location, "replicas");
        try
        {
            var boot = File.Exists(BootPath) ? File.ReadAllText(BootPath).Trim() : null;
            List<string> former = [];
            if (boot is not null && journal.Recovered.DamagedBytes == 0 && File.Exists(path))
            {
                former.AddRange(File.ReadLines(path).Select(static line => line.Split(' ')).Where(words => words.Length == 2 && words[1] == boot).Select(static words => words[0]).TakeLast(Most));
            }
            var names = new ReplicaNames(path, $"{self} {boot ?? "-"}", former);
            names.Write(former.Select(name => $"{name} {boot}"));
            return names;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException($"{path} cannot be read or written: {e.Message}", e);
        }
    }

    /// <summary>Earlier lives hold nothing any more.</summary>
    public void ForgetFormer()
    {
        Former = [];
        Write([]);
    }

    void Write(IEnumerable<string> before)
    {
        var fresh = path + ".new";
        File.WriteAllLines(fresh, [.. before, self]);
        File.Move(fresh, path, overwrite: true);
    }
}
