using CurateMe.Gateway.Proxy;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

public sealed class PromptHashTests
{
    // The vectors of the reference implementation: key 00 01 … 0f, input 00 01 … of the given length.
    [Theory]
    [InlineData(0, 0x726fdb47dd0e0e31UL)]
    [InlineData(1, 0x74f839c593dc67fdUL)]
    [InlineData(7, 0xab0200f58b01d137UL)]
    [InlineData(8, 0x93f5f5799a932462UL)]
    [InlineData(15, 0xa129ca6149be45e5UL)]
    public void Of_ReferenceVectors_AreMet(int length, ulong expected)
    {
        byte[] bytes = [.. Enumerable.Range(0, 16).Select(static i => (byte)i)];

        Assert.Equal(expected, new PromptHash(bytes).Of(bytes.AsSpan(0, length)));
    }

    [Fact]
    public void Of_OtherKey_IsOther()
    {
        Assert.NotEqual(new PromptHash(new byte[32]).Of("same"u8), new PromptHash([1, .. new byte[31]]).Of("same"u8));
    }
}
