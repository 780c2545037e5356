using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.AspNetCore.StaticFiles;

namespace CurateMe.Gateway.Dashboard;

/// <summary>One file of the application, as it is sent.</summary>
/// <param name="Brotli">The same, compressed when it was built; null when it was not.</param>
/// <param name="Gzip">The same.</param>
/// <param name="IsHashed">Its name changes with its content, so it may be kept for ever.</param>
sealed record DashboardFile(byte[] Bytes, byte[]? Brotli, byte[]? Gzip, string ContentType, string ETag, bool IsHashed);

/// <summary>The built application, held in memory: a request can reach the files that were there when it was read, and no other.</summary>
sealed class DashboardBuild
{
    /// <summary>Most files of a build.</summary>
    public const int MaxFiles = 2_000;

    /// <summary>Most bytes of all files of a build.</summary>
    public const long MaxBytes = 64 << 20;

    public const string Index = "index.html";

    static readonly FileExtensionContentTypeProvider Types = new();

    readonly FrozenDictionary<string, DashboardFile> _files;

    DashboardBuild(FrozenDictionary<string, DashboardFile> files, DateTime builtAt) => (_files, BuiltAt) = (files, builtAt);

    /// <summary>When the index was written; another time is another build.</summary>
    public DateTime BuiltAt { get; }

    /// <param name="path">Below <c>/dashboard/</c>.</param>
    public DashboardFile? Find(string path) => _files.GetValueOrDefault(path);

    /// <summary>When the build in a directory was made; null when there is none.</summary>
    public static DateTime? BuiltAtOf(string directory)
    {
        var index = new FileInfo(Path.Combine(directory, Index));
        return index.Exists ? index.LastWriteTimeUtc : null;
    }

    /// <exception cref="InvalidDataException">The directory holds more than a build has.</exception>
    public static DashboardBuild Read(string directory, DateTime builtAt)
    {
        var all = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var bytes = 0L;
        foreach (var file in new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories))
        {
            bytes += file.Length;
            if (all.Count >= MaxFiles || bytes > MaxBytes)
            {
                throw new InvalidDataException($"{directory} holds more than {MaxFiles} files or {MaxBytes >> 20} MiB; it is no build of the dashboard.");
            }
            all.Add(Path.GetRelativePath(directory, file.FullName).Replace('\\', '/'), File.ReadAllBytes(file.FullName));
        }
        var files = all.Where(static f => !IsCompressed(f.Key)).ToDictionary(static f => f.Key, f => new DashboardFile(
            f.Value, all.GetValueOrDefault(f.Key + ".br"), all.GetValueOrDefault(f.Key + ".gz"), TypeOf(f.Key), $"\"{Convert.ToHexStringLower(SHA256.HashData(f.Value).AsSpan(0, 12))}\"",
            f.Key.StartsWith("assets/", StringComparison.Ordinal)), StringComparer.Ordinal);
        return new DashboardBuild(files.ToFrozenDictionary(StringComparer.Ordinal), builtAt);
    }

    static bool IsCompressed(string path) => path.EndsWith(".br", StringComparison.Ordinal) || path.EndsWith(".gz", StringComparison.Ordinal);

    static string TypeOf(string path) => Types.TryGetContentType(path, out var type)
        ? type.StartsWith("text/", StringComparison.Ordinal) ? type + "; charset=utf-8" : type
        : "application/octet-stream";
}
