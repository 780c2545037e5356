using System.Net;

namespace CurateMe.Bench.Load;

/// <summary>Kestrel and HttpMessageInvoker and nothing else: what forwarding costs in .NET before anything is governed.</summary>
static class SmallestForwarder
{
    public static async Task RunAsync(string upstream, string urls)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(urls);
        var app = builder.Build();
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, ActivityHeadersPropagator = null });
        app.Run(async http =>
        {
            using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), upstream + http.Request.Path);
            request.Version = HttpVersion.Version11;
            request.Content = new StreamContent(http.Request.Body);
            foreach (var (name, values) in http.Request.Headers)
            {
                if (name is not ("Host" or "Connection") && !request.Headers.TryAddWithoutValidation(name, values.ToString()))
                {
                    request.Content.Headers.TryAddWithoutValidation(name, values.ToString());
                }
            }
            using var answer = await invoker.SendAsync(request, http.RequestAborted);
            http.Response.StatusCode = (int)answer.StatusCode;
            foreach (var (name, values) in answer.Headers.NonValidated)
            {
                if (name is not ("Transfer-Encoding" or "Connection"))
                {
                    http.Response.Headers[name] = values.ToString();
                }
            }
            foreach (var (name, values) in answer.Content.Headers.NonValidated)
            {
                http.Response.Headers[name] = values.ToString();
            }
            await using var body = await answer.Content.ReadAsStreamAsync();
            var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(16 << 10);
            try
            {
                for (int read; (read = await body.ReadAsync(buffer, http.RequestAborted)) > 0;)
                {
                    await http.Response.BodyWriter.WriteAsync(buffer.AsMemory(0, read), http.RequestAborted);
                }
            }
            finally
            {
                System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
            }
        });
        await app.RunAsync();
    }
}
