using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CurateMe.Ledger.Journal;

/// <summary>
/// The end of a segment as memory: an append is a copy instead of a system call, and survives the death of the process just the same, since the
/// pages are the operating system's. A store to memory cannot be refused, so the file system is asked first, by writing zeros where frames will
/// go: every <see cref="AheadBytes"/>, and again when <see cref="AskEveryMs"/> has passed, before the system could have written the pages out and
/// would have to find room for them anew. What it refuses is an <see cref="IOException"/> here, as from any write.
/// Not thread-safe: the journal's lock guards it. The framework's own mapping waits for the disk when it is closed, so the system is called.
/// </summary>
sealed unsafe partial class MappedTail(SafeFileHandle handle, long capacity) : IDisposable
{
    const int WindowBytes = 1 << 20;
    const int AheadBytes = 64 << 10;

    const long AskEveryMs = 1_000;
    static readonly byte[] Zeros = new byte[AheadBytes];

    // These keep room for bytes that were set aside; one that copies on write may need new room for a page it has, and then kills the process.
    static readonly HashSet<string> Safe = new(["ext2", "ext3", "ext4", "xfs", "tmpfs"], StringComparer.Ordinal);

    byte* memory;
    long from;
    long to;
    long granted;
    long grantedAt;

    /// <summary>Whether the files of a directory may be written as memory.</summary>
    public static bool Serves(string directory)
    {
        try
        {
            return OperatingSystem.IsLinux() && Safe.Contains(new DriveInfo(Path.GetFullPath(directory)).DriveFormat);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }

    /// <exception cref="IOException">The file system has no room, or fails; nothing was written.</exception>
    public void Write(ReadOnlySpan<byte> frame, long at)
    {
        var end = at + frame.Length;
        if (end > granted || Environment.TickCount64 - grantedAt > AskEveryMs)
        {
            Ask(at, end);
        }
        if (end > to)
        {
            Map(at);
        }
        frame.CopyTo(new Span<byte>(memory + (at - from), frame.Length));
    }

    /// <summary>Lets the memory go; what was written is in the file.</summary>
    public void Dispose()
    {
        if (memory is not null && Unmap(memory, (nuint)(to - from)) != 0)
        {
            throw new IOException($"The journal's memory could not be let go: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        memory = null;
        from = to = 0;
    }

    void Ask(long at, long end)
    {
        var until = Math.Min(Math.Max(at + AheadBytes, end), capacity);
        RandomAccess.Write(handle, Zeros.AsSpan(0, (int)(until - at)), at);
        granted = until;
        grantedAt = Environment.TickCount64;
    }

    void Map(long at)
    {
        Dispose();
        var start = at / Environment.SystemPageSize * Environment.SystemPageSize;
        var length = Math.Min(WindowBytes, capacity - start);
        var mapped = Map(null, (nuint)length, ReadAndWrite, Shared, handle, (nint)start);
        if ((nint)mapped == -1)
        {
            throw new IOException($"The journal could not be mapped: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        memory = mapped;
        from = start;
        to = start + length;
    }

    const int ReadAndWrite = 3;
    const int Shared = 1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* Map(byte* address, nuint length, int protection, int flags, SafeFileHandle file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(byte* address, nuint length);
}
