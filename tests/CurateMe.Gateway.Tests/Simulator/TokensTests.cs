using System.Text;
using CurateMe.Gateway.Simulator;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

public sealed class TokensTests
{
    static readonly string[] Alphabets =
    [
        "abcdefghijklmnopqrstuvwxyz", "ABC xyz  \n\t", "0123456789", ".,;:!?()[]{}<>/\\\"'`~@#$%^&*-_=+|", "äöüßéèñçøåœ", "абвгдежзий", "αβγδε",
        "שלוםעולם", "مرحبا", "नमस्ते", "สวัสดี", "漢字仮名交じり文", "こんにちは", "안녕하세요", "€£¥§©®™∑∞≈", "\u200d\ufe0f\u00a0\u2028", "\ud800\udfff",
    ];

    static readonly string[] Emoji = ["😀", "👩‍👩‍👧", "🇩🇪", "🏴‍☠️", "👍🏽", "❤️"];

    [Theory]
    [InlineData("", 0)]
    [InlineData("hello", 1)]
    [InlineData("hello world", 2)]
    [InlineData("Hello, world!", 4)]
    [InlineData("international", 3)]
    [InlineData("1234567", 3)]
    [InlineData("漢字", 2)]
    [InlineData("😀", 3)]
    [InlineData("a\n\n\nb", 3)]
    public void Count_KnownText_IsByRule(string text, int expected) => Assert.Equal(expected, Tokens.Count(text));

    [Fact]
    public void Count_AnyText_IsAtMostItsBytesAndTheSumOfItsPieces()
    {
        for (var seed = 0; seed < 2_000; seed++)
        {
            var text = RandomText(new Random(seed));
            var bytes = Encoding.UTF8.GetByteCount(text);
            var count = Tokens.Count(text);
            Assert.True(count <= bytes, $"seed {seed}: {count} tokens of {bytes} bytes");
            Assert.True(bytes == 0 || count > 0, $"seed {seed}: no token of {bytes} bytes");
            var pieces = Tokens.Split(text);
            Assert.True(count == pieces.Sum(piece => piece.Tokens), $"seed {seed}: pieces");
        }
    }

    [Fact]
    public void Pieces_OfProse_CountForOneEachAndTogether()
    {
        for (uint seed = 0; seed < 300; seed++)
        {
            var text = Prose.Text(seed, 37);
            Assert.True(Tokens.Count(text) == 37, $"seed {seed}: {text}");
            Assert.Equal(text, Prose.Text(seed, 37));
        }
    }

    static string RandomText(Random random)
    {
        var text = new StringBuilder();
        for (var part = random.Next(8); part >= 0; part--)
        {
            var alphabet = Alphabets[random.Next(Alphabets.Length)];
            for (var i = random.Next(20); i > 0; i--)
                text.Append(alphabet[random.Next(alphabet.Length)]);
            if (random.Next(3) == 0)
                text.Append(Emoji[random.Next(Emoji.Length)]);
            if (random.Next(2) == 0)
                text.Append(' ');
        }
        return text.ToString();
    }
}
