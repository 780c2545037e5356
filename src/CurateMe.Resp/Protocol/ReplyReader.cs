using System.Buffers;

namespace CurateMe.Resp;

/// <summary>The receive buffer of one connection and the replies in it. It grows only with bytes that have arrived, to twice as many at most.</summary>
internal sealed class ReplyReader(RespLimits limits)
{
    private const int InitialBytes = 64 << 10;
    private const int MinRead = 4 << 10;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(InitialBytes);
    private FrameScanner _scanner = new(limits);
    private int _start;
    private int _end;

    /// <summary>Where the next received bytes go; never empty.</summary>
    public Memory<byte> Free
    {
        get
        {
            if (_start == _end)
            {
                _start = _end = 0;
                if (_buffer.Length > 4 * InitialBytes)
                    Resize(InitialBytes);
            }
            if (_buffer.Length - _end < MinRead)
                MakeRoom();
            return _buffer.AsMemory(_end);
        }
    }

    public void Received(int bytes) => _end += bytes;

    /// <summary>False: more bytes are needed. Throws <see cref="RespProtocolException"/> on what is not RESP or past a limit.</summary>
    public bool TryRead(out RespReply reply)
    {
        var received = _buffer.AsSpan(_start, _end - _start);
        if (received.IsEmpty || !_scanner.TryScan(received, out var length))
        {
            reply = default;
            return false;
        }
        reply = FrameBuilder.Build(received[..length]);
        _start += length;
        return true;
    }

    public void Release()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _start = _end = 0;
    }

    private void MakeRoom()
    {
        var held = _end - _start;
        if (held <= _buffer.Length / 2)
        {
            _buffer.AsSpan(_start, held).CopyTo(_buffer);
            (_start, _end) = (0, held);
        }
        else
        {
            Resize(_buffer.Length * 2);
        }
    }

    private void Resize(int size)
    {
        var held = _end - _start;
        var larger = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(_start, held).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
        (_start, _end) = (0, held);
    }
}
