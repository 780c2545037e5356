using System.Text;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.InputBounds;

public sealed class WordRuleTests
{
    // The rule character by character, as its remarks have it.
    static long Slowly(string text)
    {
        bool Letter(int i) => i >= 0 && i < text.Length && text[i] is >= 'a' and <= 'z' and not ('q' or 'j' or 'x' or 'z');
        bool Space(int i) => i >= 0 && i < text.Length && text[i] == ' ';
        var (characters, words) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (!Letter(i) && !Space(i))
            {
                continue;
            }
            characters++;
            var begins = !Letter(i - 1) && !Space(i - 1);
            begins |= Space(i) && Letter(i - 1);
            begins |= Letter(i) && Space(i - 1) && Space(i - 2);
            begins |= i > 0 && WordRule.Split.Contains(text.Substring(i - 1, 2), StringComparer.Ordinal);
            words += begins ? 1 : 0;
        }
        return Math.Max(0, (characters - words) / 3);
    }

    [Fact]
    public void Saving_OfRandomText_IsTheRules()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        const string Signs = "abcdefghijklmnopqrstuvwxyz      gkwvyfyhyvAZ09.,\"\\{}:\n\u00e9\u4e2d";
        for (var round = 0; round < 3_000; round++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(0, 300)).Select(_ => Signs[random.Next(Signs.Length)])]);
            // Compared byte by byte: characters beyond ASCII are in no word.
            var latin = Encoding.Latin1.GetBytes(text.Replace('\u4e2d', '\u00e4'));
            Assert.True(Slowly(Encoding.Latin1.GetString(latin)) == WordRule.Saving(latin), $"seed {seed}, round {round}: {text}");
        }
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("a", 0)]
    [InlineData("abcd", 1)]
    [InlineData(" word", 1)]
    [InlineData("the gateway holds", 4)]
    [InlineData("QQQQ9999", 0)]
    public void Saving_OfKnownText(string text, long saving) => Assert.Equal(saving, WordRule.Saving(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData(0xfdfa, 30)]
    [InlineData(0x3316, 15)]
    [InlineData(0xbc, 3)]
    [InlineData('a', 0)]
    [InlineData(0x4e2d, 0)]
    [InlineData(0x1f600, 0)]
    public void Growth_OfOneCharacter(int character, int bytes) => Assert.Equal(bytes, Normalization.Of(character));

    [Fact]
    public void Growth_CountsCharactersAndTheirEscapes()
    {
        Assert.Equal(0, Normalization.Growth("{\"a\":\"plain text, \u00e9\u4e2d\u6587 \\u00e9\"}"u8));
        Assert.Equal(60, Normalization.Growth("{\"a\":\"\ufdfa \\ufdfa\"}"u8));
    }

    [Fact]
    public async Task Bound_AfterManyAnswers_IsTighterAndStillCoversEveryAnswer()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        for (var i = 0; i <= InputHabits.WarmUp + 5; i++)
        {
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(text: "the gateway sets money aside before each call and gives back what was not spent"))).Status);
        }

        var records = await rig.AssertBooksAsync();

        Assert.True(records[^1].Hold < records[0].Hold, $"{records[0].Hold} at first, {records[^1].Hold} at last");
        Assert.All(records, static r => Assert.True(r.Cost <= r.Hold));
        Assert.DoesNotContain(records, static r => r.Overage);
    }

    [Fact]
    public async Task Bound_WhereTheProviderCountsMore_IsWidenedAgain()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        async Task<NanoUsd> HoldAsync(int counted)
        {
            upstream.Answer($$$"""{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":{{{counted}}},"completion_tokens":1}}""");
            var answer = await rig.AskAsync(key, Chat.Body(text: "the gateway sets money aside before each call"));
            return (await rig.RecordsAsync()).Single(r => r.Id.ToString() == answer.Id).Hold;
        }

        var bytes = await HoldAsync(30);
        for (var i = 0; i < InputHabits.WarmUp; i++)
        {
            await HoldAsync(30);
        }
        var tight = await HoldAsync(110);
        var wide = await HoldAsync(30);

        Assert.True(tight < wide && wide <= bytes, $"{bytes} by bytes, {tight} tightened, {wide} after an answer that counted more");
    }
}
