using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace CurateMe.Ledger.Journal;

/// <summary>One file of the journal. Written under the journal's lock; readers open their own handle.</summary>
sealed class JournalSegment : IDisposable
{
    public const int HeaderBytes = 16;

    static ReadOnlySpan<byte> Magic => "CMJOURN1"u8;

    readonly SafeFileHandle? handle;
    readonly MappedTail? tail;
    long written;

    JournalSegment(string path, long number, long capacity, long written, SafeFileHandle? handle, MappedTail? tail = null)
    {
        this.tail = tail;
        FilePath = path;
        Number = number;
        Capacity = capacity;
        this.written = written;
        this.handle = handle;
    }

    public string FilePath { get; }
    public long Number { get; }
    public long Capacity { get; private set; }
    public int OpenHolds { get; set; }

    /// <summary>Bytes that hold whole frames, header included.</summary>
    public long Written => Volatile.Read(ref written);
    public long Free => Capacity - written;

    /// <summary>Makes the file and has the disk set all its bytes aside.</summary>
    /// <param name="mapped">Appends go through memory, where the file system of the directory allows.</param>
    public static JournalSegment Create(string directory, long number, long capacity, bool mapped)
    {
        var path = PathOf(directory, number);
        var handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, FileOptions.None, capacity);
        try
        {
            Span<byte> header = stackalloc byte[HeaderBytes];
            Magic.CopyTo(header);
            BinaryPrimitives.WriteInt64LittleEndian(header[8..], number);
            RandomAccess.Write(handle, header, 0);
            return new JournalSegment(path, number, capacity, HeaderBytes, handle, mapped ? new MappedTail(handle, capacity) : null);
        }
        catch
        {
            handle.Dispose();
            File.Delete(path);
            throw;
        }
    }

    /// <summary>A segment of an earlier life; it is read, never written.</summary>
    public static JournalSegment Existing(string path, long number, long written) => new(path, number, new FileInfo(path).Length, written, handle: null);

    public static string PathOf(string directory, long number) => Path.Combine(directory, number.ToString("D12", CultureInfo.InvariantCulture) + ".journal");

    public static bool HeaderFits(ReadOnlySpan<byte> header, long number) =>
        header.Length >= HeaderBytes && header[..8].SequenceEqual(Magic) && BinaryPrimitives.ReadInt64LittleEndian(header[8..]) == number;

    public void Append(ReadOnlySpan<byte> frame)
    {
        if (tail is not null)
        {
            tail.Write(frame, written);
        }
        else
        {
            RandomAccess.Write(handle!, frame, written);
        }
        Volatile.Write(ref written, written + frame.Length);
    }

    /// <summary>Waits until the disk has what was appended. A segment that was deleted needs no disk: the ledger has all of it.</summary>
    public void Flush()
    {
        try
        {
            RandomAccess.FlushToDisk(handle!);
        }
        catch (ObjectDisposedException)
        {
        }
    }

    /// <summary>Gives back the bytes that were set aside and not used.</summary>
    public void Close()
    {
        try
        {
            tail?.Dispose();
            RandomAccess.SetLength(handle!, written);
            Capacity = written;
        }
        catch (IOException)
        {
            // A longer file than needed; readers stop at what is written.
        }
    }

    public void Delete()
    {
        Dispose();
        File.Delete(FilePath);
    }

    public void Dispose()
    {
        tail?.Dispose();
        handle?.Dispose();
    }
}
