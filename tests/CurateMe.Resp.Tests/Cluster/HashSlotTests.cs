using System.Text;
using Xunit;

namespace CurateMe.Resp.Tests.Cluster;

public sealed class HashSlotTests
{
    [Theory]
    [InlineData("123456789", 0x31C3)] // the check value of CRC-16/XMODEM
    [InlineData("", 0)]
    [InlineData("foo", 12182)]
    [InlineData("bar", 5061)]
    public void Of_KnownKey_IsTheKnownSlot(string key, int slot) => Assert.Equal(slot, Of(key));

    [Theory]
    [InlineData("{user1000}.following", "user1000")]
    [InlineData("gateway:daily_cost:{org}:2026-01-01", "org")]
    [InlineData("foo{{bar}}zap", "{bar")]
    [InlineData("foo{bar}{zap}", "bar")]
    public void Of_HashTag_CountsOnlyTheTag(string key, string tag) => Assert.Equal(Of(tag), Of(key));

    [Theory]
    [InlineData("foo{}{bar}")]
    [InlineData("foo{bar")]
    [InlineData("foo}bar{")]
    public void Of_NoTag_CountsTheWholeKey(string key) => Assert.Equal(Slow(key), Of(key));

    private static int Of(string key) => HashSlot.Of(Encoding.UTF8.GetBytes(key));

    /// <summary>The same bit by bit, without tags.</summary>
    private static int Slow(string key)
    {
        var crc = 0;
        foreach (var b in Encoding.UTF8.GetBytes(key))
            for (var bit = 7; bit >= 0; bit--)
            {
                var top = ((crc >> 15) ^ (b >> bit)) & 1;
                crc = ((crc << 1) & 0xFFFF) ^ (top == 1 ? 0x1021 : 0);
            }
        return crc % 16384;
    }
}
