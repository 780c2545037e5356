using CurateMe.Client;
using CurateMe.Gateway.Protection;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Protection;

public sealed class PulseTests
{
    static readonly ProtectionPolicy Policy = ProtectionPolicy.Resolve(new ProtectionDocument
    {
        RetryStorm = new RateRule { Requests = 3, WindowSeconds = 10 },
        RunawayAgent = new RateRule { Requests = 5, WindowSeconds = 10 },
    });

    static (bool Storm, bool Runaway) At(KeyPulse pulse, ulong body, long second) => pulse.OnRequest(body, Policy, second, frequency: 1);

    [Fact]
    public void SameBody_SoOftenWithinTheWindow_IsAStormOnce()
    {
        var pulse = new KeyPulse();
        Assert.Equal([false, false, true, false], new[] { At(pulse, 7, 1), At(pulse, 7, 2), At(pulse, 7, 11), At(pulse, 7, 11) }.Select(s => s.Storm));
        Assert.Equal([false, false, true], new[] { At(pulse, 7, 12), At(pulse, 7, 13), At(pulse, 7, 14) }.Select(s => s.Storm));
    }

    [Fact]
    public void Bodies_InTurn_AreToldApart()
    {
        var pulse = new KeyPulse();
        for (var round = 0; round < 3; round++)
        {
            for (ulong body = 1; body <= KeyPulse.Bodies; body++)
            {
                Assert.Equal(round == 2, At(pulse, body, round).Storm);
            }
        }
    }

    [Fact]
    public void AnyBodies_SoOftenWithinTheWindow_AreARunaway()
    {
        var pulse = new KeyPulse();
        for (ulong i = 1; i <= 12; i++)
        {
            Assert.Equal(i == 5, At(pulse, 1_000 + i, 5).Runaway);
        }
        Assert.False(At(pulse, 1, 16).Runaway);
    }

    [Fact]
    public void Charges_PassingTheLeastAndDoubling_AreAskedAbout()
    {
        var (pulse, least) = (new KeyPulse(), new NanoUsd(10));
        bool Charge(long nano, long hour = 1) => pulse.OnCharged(new NanoUsd(nano), hour, least);
        Assert.Equal([false, true, false, true, false], new[] { Charge(9), Charge(1), Charge(9), Charge(1), Charge(1) });
        Assert.False(Charge(9, hour: 2));
        Assert.False(Charge(0, hour: 3));
    }

    [Fact]
    public void Request_ThatRaisesNothing_AllocatesNothing()
    {
        var pulse = new KeyPulse();
        var standard = ProtectionPolicy.Standard;
        for (ulong i = 0; i < 100; i++)
        {
            pulse.OnRequest(i, standard, (long)i, 1);
        }
        pulse.IsNew("a");
        pulse.IsNew("b");
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (ulong i = 0; i < 1_000; i++)
        {
            pulse.OnRequest(i % 20, standard, 1_000 + ((long)i * 100), 1);
            pulse.OnCharged(new NanoUsd(1), 1, NanoUsd.MaxValue);
            pulse.IsNew(i % 2 == 0 ? "a" : "b");
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
