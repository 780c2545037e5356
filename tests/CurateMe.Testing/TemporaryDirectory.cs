namespace CurateMe.Testing;

/// <summary>A directory of one test, gone with it.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("curateme-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
