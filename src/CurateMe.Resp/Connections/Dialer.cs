using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace CurateMe.Resp;

/// <summary>Opens a connection: TCP, TLS, HELLO (or AUTH and SETNAME on an old server), SELECT, all within the connect time-out.</summary>
internal static class Dialer
{
    public static async Task<RespConnection> DialAsync(RespAddress address, RespOptions options, Action<RespConnection, RespReply>? pushed, CancellationToken cancel)
    {
        using var timeout = new CancellationTokenSource(options.ConnectTimeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancel);
        Stream? stream = null;
        RespConnection? connection = null;
        try
        {
            stream = await OpenAsync(address, options, either.Token);
            connection = new RespConnection(stream, address, options, pushed);
            connection.Start();
            await GreetAsync(connection, options).WaitAsync(either.Token);
            return connection;
        }
        catch (Exception e)
        {
            var error = e switch
            {
                RespServerException or RespProtocolException => (RespException)e,
                OperationCanceledException when cancel.IsCancellationRequested => new RespNotSentException($"Connecting to {address} was cancelled.", e),
                OperationCanceledException => new RespNotSentException($"Could not connect to {address} within {options.ConnectTimeout.TotalSeconds:0.###} s.", e),
                _ => new RespNotSentException($"Could not connect to {address}: {e.Message}", e),
            };
            connection?.Close(error);
            if (stream is not null)
                await stream.DisposeAsync();
            cancel.ThrowIfCancellationRequested();
            throw error;
        }
    }

    private static async Task<Stream> OpenAsync(RespAddress address, RespOptions options, CancellationToken cancel)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(new DnsEndPoint(address.Host, address.Port), cancel);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (!options.Tls)
                return stream;
            var secure = new SslStream(stream);
            stream = secure;
            await secure.AuthenticateAsClientAsync(TlsOptions(address, options), cancel);
            return secure;
        }
        catch
        {
            if (stream is not null)
                await stream.DisposeAsync();
            socket.Dispose();
            throw;
        }
    }

    private static SslClientAuthenticationOptions TlsOptions(RespAddress address, RespOptions options)
    {
        var tls = new SslClientAuthenticationOptions { TargetHost = address.Host, EnabledSslProtocols = SslProtocols.None };
        if (options.TrustedRoots is { } roots)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        }
        return tls;
    }

    private static async Task GreetAsync(RespConnection connection, RespOptions options)
    {
        var greeted = options.Protocol == 3 && await HelloAsync(connection, options);
        if (!greeted)
        {
            if (options.Password is { } password)
                await connection.ExecuteAsync(options.User is { } user ? ["AUTH", user, password] : ["AUTH", password]);
            if (options.ClientName is { } name)
                await connection.ExecuteAsync(["CLIENT", "SETNAME", name]);
            await connection.ExecuteAsync(["PING"]);
        }
        if (options.Database != 0)
            await connection.ExecuteAsync(["SELECT", options.Database]);
    }

    /// <summary>False: the server is too old for HELLO 3.</summary>
    private static async Task<bool> HelloAsync(RespConnection connection, RespOptions options)
    {
        List<RespArg> words = ["HELLO", 3];
        if (options.Password is { } password)
            words.AddRange(["AUTH", options.User ?? "default", password]);
        if (options.ClientName is { } name)
            words.AddRange(["SETNAME", name]);
        try
        {
            await connection.ExecuteAsync([.. words]);
            return true;
        }
        catch (RespServerException e) when (e.Code == "NOPROTO" || e.Message.StartsWith("ERR unknown command", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }
    }
}
