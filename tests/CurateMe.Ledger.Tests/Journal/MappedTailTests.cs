using CurateMe.Ledger.Journal;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Ledger.Tests.Journal;

public sealed class MappedTailTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Write_PiecesAcrossManyWindows_AreInTheFileAsWritten()
    {
        Assert.SkipUnless(MappedTail.Serves(_directory.Path), "the temporary directory's file system is not one that is written as memory");
        const int Seed = 20;
        const int Capacity = 5 << 20;
        var random = new Random(Seed);
        var expected = new byte[Capacity];
        var path = Path.Combine(_directory.Path, "segment");
        using (var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.None, Capacity))
        {
            using var tail = new MappedTail(handle, Capacity);
            for (var at = 16; ;)
            {
                var piece = expected.AsSpan(at, Math.Min(random.Next(1, 5000), Capacity - at));
                random.NextBytes(piece);
                tail.Write(piece, at);
                at += piece.Length;
                if (at == Capacity) break;
            }
        }

        Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(path)), $"seed {Seed}");
    }

    [Fact]
    public void Write_FileSystemRefuses_IsAnIoErrorAndNothingIsMapped()
    {
        var path = Path.Combine(_directory.Path, "segment");
        File.WriteAllBytes(path, [1, 2, 3]);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read);
        using var tail = new MappedTail(handle, 1 << 20);

        Assert.ThrowsAny<Exception>(() => tail.Write([9], 0));

        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
    }

    [Fact]
    public void Serves_DirectoryThatIsNone_IsFalse() => Assert.False(MappedTail.Serves("/proc/self"));
}
