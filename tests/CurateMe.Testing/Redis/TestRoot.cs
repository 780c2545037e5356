using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CurateMe.Testing.Redis;

/// <summary>A certificate authority made for this test run, and the server certificate for 127.0.0.1 and localhost that it signed.</summary>
public static class TestRoot
{
    private static readonly TimeSpan Validity = TimeSpan.FromDays(2);
    private static readonly Lazy<(X509Certificate2 Root, X509Certificate2 Server, string ServerKey)> Made = new(Make);

    public static X509Certificate2 Certificate => Made.Value.Root;

    /// <summary>The server certificate with its private key.</summary>
    public static X509Certificate2 Server => Made.Value.Server;

    internal static (string Certificate, string Key, string Root) WriteFiles(string directory)
    {
        var files = (Certificate: Path.Combine(directory, "server.pem"), Key: Path.Combine(directory, "server.key"), Root: Path.Combine(directory, "root.pem"));
        File.WriteAllText(files.Certificate, Made.Value.Server.ExportCertificatePem());
        File.WriteAllText(files.Key, Made.Value.ServerKey);
        File.WriteAllText(files.Root, Made.Value.Root.ExportCertificatePem());
        return files;
    }

    private static (X509Certificate2 Root, X509Certificate2 Server, string ServerKey) Make()
    {
        var from = TimeProvider.System.GetUtcNow() - Validity;
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var root = new CertificateRequest("CN=CurateMe test root", rootKey, HashAlgorithmName.SHA256);
        root.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        root.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        var rootCertificate = root.CreateSelfSigned(from, from + 2 * Validity);

        using var serverKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var server = new CertificateRequest("CN=localhost", serverKey, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        server.CertificateExtensions.Add(names.Build());
        server.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        using var signed = server.Create(rootCertificate, from, from + 2 * Validity, RandomNumberGenerator.GetBytes(8));
        return (rootCertificate, signed.CopyWithPrivateKey(serverKey), serverKey.ExportPkcs8PrivateKeyPem());
    }
}
