using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Journal;

public sealed class JournalDamageTests : IAsyncLifetime
{
    const int Records = 12;

    readonly TemporaryDirectory _directory = new();
    readonly Wishes _ask = new("org_j", () => new TestClock().Now);
    readonly List<RequestId> _settled = [];
    readonly List<int> _ends = [];
    byte[] _bytes = [];

    string File => Path.Combine(_directory.Path, "000000000001.journal");

    // A segment of holds and settlements, some of whose frames begin with a zero byte: payloads of 256 bytes.
    public async ValueTask InitializeAsync()
    {
        await using (var journal = Open())
        {
            for (var i = 0; i < Records; i++)
            {
                var record = Padded(i % 3 == 0 ? 256 : 150 + (i * 7));
                await journal.AppendHoldAsync(record);
                _ends.Add((int)Length(journal));
                await journal.AppendEndAsync(Wishes.Settled(record, 0));
                _settled.Add(record.Id);
                _ends.Add((int)Length(journal));
            }
        }
        _bytes = await System.IO.File.ReadAllBytesAsync(File);
        Assert.Contains(Enumerable.Range(0, _ends.Count - 1), i => _bytes[_ends[i]] == 0);
    }

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return default;
    }

    static long Length(JournalFile journal)
    {
        var position = new JournalPosition(1, JournalSegment.HeaderBytes);
        return journal.Readable(ref position)!.Written;
    }

    JournalFile Open() => JournalFile.Open(new JournalOptions { Directory = _directory.Path, SegmentBytes = 1 << 20 });

    UsageRecord Padded(int payload)
    {
        var buffer = new byte[RecordCodec.MaxBytes];
        for (var tags = 0; ; tags++)
        {
            var plain = _ask.Record(_ask.Whole());
            var record = new UsageRecord
            {
                Id = plain.Id,
                OrgId = plain.OrgId,
                KeyId = plain.KeyId,
                Provider = plain.Provider,
                Model = plain.Model,
                RequestedModel = plain.RequestedModel,
                Endpoint = plain.Endpoint,
                Day = plain.Day,
                Timestamp = plain.Timestamp,
                PriceVersion = plain.PriceVersion,
                Tags = new string('t', tags),
            };
            if (RecordCodec.Write(record, buffer) >= payload) return record;
        }
    }

    async Task<(HashSet<RequestId> Read, HashSet<RequestId> Open, long Unrecorded)> RecoverAsync(ReadOnlyMemory<byte> bytes)
    {
        foreach (var old in Directory.GetFiles(_directory.Path)) System.IO.File.Delete(old);
        await System.IO.File.WriteAllBytesAsync(File, bytes);
        await using var journal = Open();
        using var reader = new JournalReader(journal, journal.LastCheckpoint);
        HashSet<RequestId> read = [];
        while (reader.Next() is { } record) Assert.True(read.Add(record.Id));
        return (read, [.. journal.Recovered.OpenHolds.Select(record => record.Id)], journal.Recovered.Unrecorded);
    }

    [Fact]
    public async Task I5_Open_TornAtAnyByte_KeepsAllBefore()
    {
        for (var length = 0; length <= _bytes.Length; length += length < 40 || length > _bytes.Length - 400 ? 1 : 13)
        {
            var torn = new byte[_bytes.Length + 500]; // the rest was set aside and never written
            _bytes.AsSpan(0, length).CopyTo(torn);

            var (read, open, unrecorded) = await RecoverAsync(torn);

            var whole = _ends.Count(end => end <= length || !_bytes.AsSpan(length, end - length).ContainsAnyExcept((byte)0));
            Assert.True(_settled.Take(whole / 2).ToHashSet().SetEquals(read), $"torn at {length}: {read.Count} read of {whole / 2}");
            Assert.Equal(read.Count, unrecorded);
            Assert.True((whole % 2 == 1 ? [_settled[whole / 2]] : new HashSet<RequestId>()).SetEquals(open), $"torn at {length}");
        }
    }

    [Fact]
    public async Task I5_Open_AnyByteDamaged_LosesAtMostThatFrame()
    {
        const int Seed = 99;
        var random = new Random(Seed);
        for (var at = 0; at < _bytes.Length; at += random.Next(1, 9))
        {
            var damaged = _bytes.ToArray();
            damaged[at] ^= (byte)random.Next(1, 256);

            var (read, open, unrecorded) = await RecoverAsync(damaged);

            var frame = _ends.Count(end => end <= at); // the frame that was hit, or 0 when it was the header
            var lost = at >= JournalSegment.HeaderBytes && frame % 2 == 1 ? _settled[frame / 2] : (RequestId?)null;
            Assert.True(_settled.Where(id => id != lost).ToHashSet().SetEquals(read), $"seed {Seed}, byte {at}: {read.Count} read");
            Assert.Equal(read.Count, unrecorded);
            Assert.True((lost is { } id ? [id] : new HashSet<RequestId>()).SetEquals(open), $"seed {Seed}, byte {at}: what lost its end is presumed");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0xFF)]
    public async Task I5_Open_GapInTheMiddle_KeepsWhatFollows(int fill)
    {
        var damaged = _bytes.ToArray();
        damaged.AsSpan(_ends[3] - 20, _ends[7] - _ends[3] + 40).Fill((byte)fill); // into frames 3 and 8, and all between

        var (read, _, unrecorded) = await RecoverAsync(damaged);

        Assert.True(new[] { 0 }.Concat(Enumerable.Range(4, Records - 4)).Select(i => _settled[i]).ToHashSet().SetEquals(read), $"{read.Count} read");
        Assert.Equal(read.Count, unrecorded);
    }

    [Fact]
    public async Task Open_Damage_IsCounted()
    {
        var damaged = _bytes.ToArray();
        damaged[_ends[4] + 30] ^= 1;
        foreach (var old in Directory.GetFiles(_directory.Path)) System.IO.File.Delete(old);
        await System.IO.File.WriteAllBytesAsync(File, damaged);

        await using var journal = Open();

        Assert.Equal(_ends[5] - _ends[4], journal.Recovered.DamagedBytes);
    }

    [Fact]
    public async Task Open_FrameOfALaterRelease_IsRefused()
    {
        var later = new byte[64];
        _bytes.AsSpan(0, JournalSegment.HeaderBytes).CopyTo(later);
        JournalFrame.Write(FrameKind.Void, _ask.Record(_ask.Whole()), later.AsSpan(JournalSegment.HeaderBytes));
        var frame = later.AsSpan(JournalSegment.HeaderBytes, JournalFrame.HeaderBytes + 16);
        frame[8] = 9;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], JournalFrame.Crc(frame[8..]));
        foreach (var old in Directory.GetFiles(_directory.Path)) System.IO.File.Delete(old);
        await System.IO.File.WriteAllBytesAsync(File, later);

        Assert.Contains("newer release", Assert.Throws<InvalidDataException>(Open).Message, StringComparison.Ordinal);
        Assert.Contains("newer release", Assert.Throws<InvalidDataException>(Open).Message, StringComparison.Ordinal); // and the lock was given back
    }

    [Fact]
    public void Crc_OfTheStandardText_IsTheStandardSum() => Assert.Equal(0xE3069283u, JournalFrame.Crc("123456789"u8));
}
