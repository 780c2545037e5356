using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CurateMe.Gateway.Tests.Admin;

namespace CurateMe.Gateway.Tests.Dashboard;

/// <summary>What a browser sends: its cookie, where it comes from, and the dashboard's header.</summary>
sealed class Browser(HttpClient http)
{
    public string? Cookie { get; set; }

    /// <summary>The whole of the last Set-Cookie.</summary>
    public string SetCookie { get; private set; } = "";

    public Task<(HttpStatusCode Status, JsonNode? Json, HttpResponseMessage Answer)> SignInAsync(string token) => SendAsync("POST", "/dashboard/session", new JsonObject { ["token"] = token }.ToJsonString());

    public async Task<(HttpStatusCode Status, JsonNode? Json, HttpResponseMessage Answer)> SendAsync(
        string method, string path, string? body = null, string? header = "1", string? origin = "own", string? site = null, string? org = null, string? bearer = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        void Add(string name, string? value)
        {
            if (value is not null)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }
        Add("Cookie", Cookie);
        Add("X-CM-Dashboard", header);
        Add("Origin", origin == "own" ? http.BaseAddress!.GetLeftPart(UriPartial.Authority) : origin);
        Add("Sec-Fetch-Site", site);
        Add("X-Org-ID", org);
        Add("Authorization", bearer);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }
        var answer = await http.SendAsync(request);
        if (answer.Headers.TryGetValues("Set-Cookie", out var set))
        {
            SetCookie = set.Single();
            Cookie = SetCookie.Split(';')[0];
        }
        var text = await answer.Content.ReadAsStringAsync();
        return (answer.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null, answer);
    }

    public static Browser At(AdminHost host) => new(host.Http);
}
