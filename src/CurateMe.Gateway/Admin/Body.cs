using System.Buffers;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Metadata;

namespace CurateMe.Gateway.Admin;

/// <summary>The body of an admin request, read strictly. Every refusal names the field.</summary>
/// <param name="Value">The body as its contract.</param>
/// <param name="Json">The body as it was sent; a patch tells null from absent by it.</param>
sealed record Body<T>(T Value, JsonObject Json) : IEndpointParameterMetadataProvider where T : class
{
    /// <summary>Lets endpoints take the body as a parameter.</summary>
    public static async ValueTask<Body<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var bytes = await BodyReader.ReadAsync(context);
        return bytes.IsEmpty && typeof(T) is { } type && BodyReader.MayBeEmpty(type)
            ? BodyReader.Parse<T>("{}"u8.ToArray())
            : BodyReader.Parse<T>(bytes);
    }

    /// <summary>Tells the OpenAPI document what the body is.</summary>
    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new BodyContract(typeof(T), Required: !BodyReader.MayBeEmpty(typeof(T))));
}

/// <summary>
/// What an endpoint takes as its body, for the OpenAPI document. Not the framework's own metadata: by that, routing would answer a wrong media type
/// before anybody has looked at who asks.
/// </summary>
sealed record BodyContract(Type Type, bool Required);

/// <summary>Reads bodies.</summary>
static class BodyReader
{
    static readonly JsonDocumentOptions Options = new() { MaxDepth = RequestJson.Depth, AllowDuplicateProperties = false };

    /// <summary>Contracts of which every field has a default, so that a call without a body is fine.</summary>
    public static bool MayBeEmpty(Type type) => type == typeof(Client.KeyRotate) || type == typeof(Client.ResetDaily) || type == typeof(Client.ApprovalReject) || type == typeof(Client.ReconcileRequest)
        || type == typeof(Client.WebhookRotate);

    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentLength > AdminOptions.MaxBodyBytes)
        {
            throw TooLarge();
        }
        var reader = request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(context.RequestAborted);
            if (read.Buffer.Length > AdminOptions.MaxBodyBytes)
            {
                throw TooLarge();
            }
            if (read.IsCompleted)
            {
                var bytes = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                if (bytes.Length > 0)
                {
                    RequireJson(request);
                }
                return bytes;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <exception cref="Refusal">It is no JSON object of this contract.</exception>
    public static Body<T> Parse<T>(ReadOnlyMemory<byte> bytes) where T : class
    {
        if (bytes.IsEmpty)
        {
            throw Refusal.InvalidJson("The body is empty; send a JSON object.", param: null);
        }
        var type = (JsonTypeInfo<T>)(RequestJson.Default.GetTypeInfo(typeof(T)) ?? throw new InvalidOperationException($"{typeof(T).Name} is not among the bodies of {nameof(RequestJson)}."));
        try
        {
            var value = JsonSerializer.Deserialize(bytes.Span, type);
            if (value is null || JsonNode.Parse(bytes.Span, nodeOptions: null, Options) is not JsonObject json)
            {
                throw Refusal.InvalidJson("The body must be a JSON object.", param: null);
            }
            return new Body<T>(value, json);
        }
        catch (JsonException bad)
        {
            throw Explain(bad, bytes.Span);
        }
    }

    /// <summary>A stored document with a patch applied.</summary>
    /// <exception cref="Refusal">The patch takes away what the document cannot be without.</exception>
    public static T Patched<T, TPatch>(string stored, Body<TPatch> patch, JsonTypeInfo<T> type) where T : class where TPatch : class
    {
        var before = JsonNode.Parse(stored) as JsonObject ?? throw new InvalidDataException("A stored document is no JSON object.");
        try
        {
            return MergePatch.Apply(before, patch.Json).Deserialize(type) ?? throw new InvalidDataException("A stored document is null.");
        }
        catch (JsonException)
        {
            throw Refusal.InvalidField(patch.Json.FirstOrDefault(static field => field.Value is null).Key ?? "body", "may not be null");
        }
    }

    static Refusal Explain(JsonException bad, ReadOnlySpan<byte> bytes)
    {
        var field = FieldOf(bad.Path) ?? LastField(bytes);
        if (bad.Message.Contains("could not be mapped", StringComparison.Ordinal))
        {
            return Refusal.UnknownField(field ?? "body");
        }
        var isOurs = !bad.Message.Contains("LineNumber", StringComparison.Ordinal) && !bad.Message.Contains("System.", StringComparison.Ordinal);
        if (isOurs && field is not null)
        {
            return Refusal.InvalidField(field, bad.Message.TrimEnd('.'));
        }
        // The reader's own fault lies within: only then is the JSON itself broken.
        if (bad.InnerException is JsonException)
        {
            return Refusal.InvalidJson(field is null ? "The body is not valid JSON." : $"The body is not valid JSON at or after `{field}`.", field);
        }
        return field is null ? Refusal.InvalidJson("The body must be a JSON object.", param: null) : Refusal.InvalidField(field, "has the wrong type, or a value that does not fit it");
    }

    // "$.queue.max_depth" is what the reader calls it, "queue.max_depth" what the caller does.
    static string? FieldOf(string? path) => path is null or "$" || path.Length < 3 ? null : Shorten(path[1] == '.' ? path[2..] : path[1..]);

    // Where JSON itself is broken, the last name before the break is the best there is to say.
    static string? LastField(ReadOnlySpan<byte> bytes)
    {
        string? field = null;
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = RequestJson.Depth });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName)
                {
                    field = reader.GetString();
                }
            }
        }
        catch (Exception broken) when (broken is JsonException or InvalidOperationException)
        {
            return Shorten(field);
        }
        return null;
    }

    static string? Shorten(string? field) => field is { Length: > 128 } ? field[..128] : field;

    static void RequireJson(HttpRequest request)
    {
        if (!request.HasJsonContentType())
        {
            throw new Refusal(415, "unsupported_media_type", "GW_REQ_005", "The body must be JSON.", "Content-Type", "Send Content-Type: application/json.");
        }
    }

    static Refusal TooLarge() => new(413, "body_too_large", "GW_REQ_004", $"The body is larger than {AdminOptions.MaxBodyBytes} bytes.");
}
