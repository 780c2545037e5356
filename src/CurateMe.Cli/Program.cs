using CurateMe.Cli;

using var http = Gateway.Connect(Environment.GetEnvironmentVariable);
return await CommandLine.RunAsync(args, new Gateway(http, Environment.GetEnvironmentVariable), Console.Out, Console.Error);
