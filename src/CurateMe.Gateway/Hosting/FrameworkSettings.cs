using CurateMe.Gateway.Configuration;

namespace CurateMe.Gateway.Hosting;

/// <summary>Settings that the framework reads, and would only fail at later: where it listens, and what it logs.</summary>
static class FrameworkSettings
{
    public static void Check(IConfiguration configuration, ConfigurationFaults faults)
    {
        var urls = (configuration["urls"] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries);
        if (!urls.All(IsAddress))
        {
            faults.Add("ASPNETCORE_URLS", "(--urls) must be addresses such as http://127.0.0.1:8002, separated by semicolons; TLS ends before the gateway, and port 0 needs an IP address");
        }
        var logging = configuration.GetSection("Logging");
        foreach (var level in logging.GetChildren().Select(static s => s.GetSection("LogLevel")).Prepend(logging.GetSection("LogLevel")).SelectMany(static s => s.GetChildren()))
        {
            if (!string.IsNullOrEmpty(level.Value) && !Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out _))
            {
                faults.Add(level.Path.Replace(":", "__", StringComparison.Ordinal), $"is not one of {string.Join(", ", Enum.GetNames<LogLevel>())}");
            }
        }
    }

    static bool IsAddress(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            return address.Scheme == Uri.UriSchemeHttp && address.PathBase.Length == 0 && (address.IsUnixPipe || IsPort(address));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    static bool IsPort(BindingAddress address) => address.Port <= ushort.MaxValue && address.Port >= (address.Host == "localhost" ? 1 : 0);
}
