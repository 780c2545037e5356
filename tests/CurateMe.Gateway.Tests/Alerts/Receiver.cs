using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>A message as a webhook got it.</summary>
sealed record Received(string Path, string Id, long Timestamp, string Signature, string ContentType, string Body)
{
    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();
    public string Type => (string)Json["type"]!;
    public JsonObject Data => Json["data"]!.AsObject();

    /// <summary>Checks it as Standard Webhooks says, by code of the tests' own.</summary>
    public bool IsSignedBy(string secret)
    {
        using var hmac = new HMACSHA256(Convert.FromBase64String(secret["whsec_".Length..]));
        var expected = "v1," + Convert.ToBase64String(hmac.ComputeHash(Encoding.UTF8.GetBytes($"{Id}.{Timestamp}.{Body}")));
        return Signature.Split(' ').Contains(expected);
    }
}

/// <summary>Somebody's server that webhooks go to.</summary>
sealed class Receiver : IAsyncDisposable
{
    readonly WebApplication app;
    readonly ConcurrentQueue<Received> messages = new();

    Receiver(WebApplication app) => this.app = app;

    /// <summary>How a message is answered; 200 unless a test says otherwise.</summary>
    public Func<HttpContext, Received, Task> Answer { get; set; } = static (_, _) => Task.CompletedTask;

    public IReadOnlyList<Received> Messages => [.. messages];

    public string Url(string path = "/hook") => app.Urls.First() + path;

    public static async Task<Receiver> StartAsync(string url = "http://127.0.0.1:0")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(url);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var receiver = new Receiver(app);
        app.Run(receiver.TakeAsync);
        await app.StartAsync();
        return receiver;
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
    }

    async Task TakeAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var headers = http.Request.Headers;
        var message = new Received(
            http.Request.Path, headers["webhook-id"].ToString(), long.Parse(headers["webhook-timestamp"].ToString(), System.Globalization.CultureInfo.InvariantCulture),
            headers["webhook-signature"].ToString(), http.Request.ContentType!, await reader.ReadToEndAsync());
        messages.Enqueue(message);
        await Answer(http, message);
    }
}
