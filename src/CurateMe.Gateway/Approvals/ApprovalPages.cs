using System.Net;
using System.Text;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using Microsoft.AspNetCore.Http.Features;

namespace CurateMe.Gateway.Approvals;

/// <summary>
/// What a signed link opens: a page that says what would be decided, with one button. Only the button's POST decides, so that programs which look at links in
/// messages decide nothing.
/// </summary>
static class ApprovalPages
{
    const int MaxFormBytes = 16 << 10;

    /// <summary>How who decided by a link stands in the audit trail.</summary>
    public const string Actor = "approval_link";

    public static void MapApprovalPages(this IEndpointRouteBuilder app)
    {
        app.MapMethods("/approvals/{approval}/{decision}", [HttpMethods.Get, HttpMethods.Head], ShowAsync).ExcludeFromDescription();
        app.MapPost("/approvals/{approval}/{decision}", DecideAsync).ExcludeFromDescription();
    }

    static async Task ShowAsync(HttpContext http, string approval, string decision, Catalogue catalogue, ApprovalLinks links, TimeProvider time)
    {
        // Off the socket's thread: the store may block.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (await FindAsync(http, approval, decision, catalogue, links) is not { } stored)
        {
            await SayAsync(http, 404, "This link is not valid", "It is incomplete, was changed, or its time is over.");
            return;
        }
        var status = ApprovalGate.StatusAt(stored.Value, time.GetUtcNow());
        if (status != ApprovalStatus.Pending)
        {
            await SayAsync(http, 409, "Nothing to decide", $"The request is {status} already.");
            return;
        }
        var (found, approves) = (stored.Value, decision == ApprovalLinks.Approve);
        var reason = approves ? "" : "<p><label>Reason, for the caller<br><input name=\"reason\" maxlength=\"500\" size=\"60\"></label></p>";
        await WriteAsync(http, 200, approves ? "Approve this request?" : "Reject this request?",
            $"""
            <table><tr><th>Org</th><td>{Html(found.OrgId)}</td></tr><tr><th>Key</th><td>{Html(found.KeyId)}</td></tr><tr><th>Model</th><td>{Html(found.Model)}</td></tr>
            <tr><th>May cost</th><td>${Html(found.EstimatedCost.ToDisplay())}</td></tr><tr><th>Threshold</th><td>${Html(found.Threshold.ToDisplay())}</td></tr></table>
            <form method="post">{reason}<p><button>{(approves ? "Approve" : "Reject")}</button></p></form>
            """);
    }

    static async Task DecideAsync(HttpContext http, string approval, string decision, Catalogue catalogue, ApprovalLinks links, ApprovalGate gate, TimeProvider time)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (await FindAsync(http, approval, decision, catalogue, links) is not { } stored)
        {
            await SayAsync(http, 404, "This link is not valid", "It is incomplete, was changed, or its time is over.");
            return;
        }
        var by = new Decider(Actor, time.GetUtcNow(), AdminCall.AddressOf(http));
        try
        {
            if (decision == ApprovalLinks.Approve)
            {
                await gate.ApproveAsync(stored, by, http.RequestAborted);
                await SayAsync(http, 200, "Approved", "The request passes once when it is sent again with its approval token.");
                return;
            }
            await gate.RejectAsync(stored, await ReasonAsync(http), by, http.RequestAborted);
            await SayAsync(http, 200, "Rejected", "The request is refused when it is sent again.");
        }
        catch (Refusal refusal)
        {
            await SayAsync(http, refusal.Status, "Nothing was decided", refusal.Message);
        }
        catch (ConfigConflictException)
        {
            await SayAsync(http, 409, "Nothing was decided", "Somebody else decided at the same moment.");
        }
    }

    static async Task<Stored<ApprovalDocument>?> FindAsync(HttpContext http, string approval, string decision, Catalogue catalogue, ApprovalLinks links)
    {
        var query = http.Request.Query;
        return decision is ApprovalLinks.Approve or ApprovalLinks.Reject && Rules.IsId(approval)
            && await links.IsGoodAsync(approval, decision, query["expires"], query["signature"], http.RequestAborted)
            ? await catalogue.Approvals.FindAsync(approval, http.RequestAborted)
            : null;
    }

    static async Task<string?> ReasonAsync(HttpContext http)
    {
        if (!http.Request.HasFormContentType)
        {
            return null;
        }
        try
        {
            http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = MaxFormBytes;
            var form = await http.Request.ReadFormAsync(new FormOptions { BufferBodyLengthLimit = MaxFormBytes, ValueLengthLimit = MaxFormBytes, ValueCountLimit = 8 }, http.RequestAborted);
            return ApprovalEndpoints.Reason(form["reason"].ToString() is { Length: > 0 } reason ? reason : null);
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            throw Refusal.InvalidField("reason", "could not be read");
        }
    }

    static Task SayAsync(HttpContext http, int status, string title, string text) => WriteAsync(http, status, title, $"<p>{Html(text)}</p>");

    static async Task WriteAsync(HttpContext http, int status, string title, string body)
    {
        var (response, headers) = (http.Response, http.Response.Headers);
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["X-Robots-Tag"] = "noindex";
        headers.ContentSecurityPolicy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        var page = Encoding.UTF8.GetBytes(
            $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title} – CurateMe Gateway</title></head>
            <body><h1>{title}</h1>
            {body}
            </body></html>
            """);
        response.ContentLength = page.Length;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await response.Body.WriteAsync(page, http.RequestAborted);
        }
    }

    static string Html(string text) => WebUtility.HtmlEncode(text);
}
