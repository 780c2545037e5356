using BenchmarkDotNet.Running;

// dotnet run -c Release --project bench/micro -- --filter '*'
BenchmarkSwitcher.FromAssembly(typeof(CurateMe.Bench.Micro.HoldBenchmarks).Assembly).Run(args);
