using CurateMe.Bench.Load;

// The bench starts itself a second time as the smallest possible forwarder, to compare with.
if (args is ["forwarder", var upstream, var urls])
{
    await SmallestForwarder.RunAsync(upstream, urls);
    return 0;
}
return await LoadBench.RunAsync(BenchOptions.Parse(args));
