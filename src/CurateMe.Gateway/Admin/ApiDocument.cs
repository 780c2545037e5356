using System.Text.Json.Serialization.Metadata;
using Microsoft.OpenApi;

namespace CurateMe.Gateway.Admin;

/// <summary>The OpenAPI document of the admin plane, at <c>/openapi/v1.json</c>.</summary>
static class ApiDocument
{
    const string SchemeName = "AdminToken";

    public static IServiceCollection AddApiDocument(this IServiceCollection services) => services.AddOpenApi("v1", static options =>
    {
        options.ShouldInclude = static api => api.RelativePath is { } path && (path.StartsWith("api/v1/admin", StringComparison.Ordinal) || path.StartsWith("gateway/admin", StringComparison.Ordinal) || path.StartsWith("dashboard/session", StringComparison.Ordinal));
        options.AddDocumentTransformer(static (document, _, _) =>
        {
            document.Info = new OpenApiInfo { Title = "CurateMe Gateway admin API", Version = "v1" };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal);
            document.Components.SecuritySchemes[SchemeName] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" };
            document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(SchemeName, document)] = [] }];
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(static async (operation, context, ct) =>
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = AdminCall.OrgHeader,
                In = ParameterLocation.Header,
                Description = "The org that the request concerns, where neither path nor body names it.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            });
            var refusal = await context.GetOrCreateSchemaAsync(typeof(Client.ErrorAnswer), parameterDescription: null, ct);
            context.Document?.AddComponent(nameof(Client.ErrorAnswer), refusal);
            operation.Responses ??= [];
            operation.Responses["default"] = new OpenApiResponse
            {
                Description = "A refusal.",
                Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                {
                    ["application/json"] = new() { Schema = new OpenApiSchemaReference(nameof(Client.ErrorAnswer), context.Document) },
                },
            };
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<AlsoCsv>().Any() && operation.Responses?["200"].Content is { } contents)
            {
                contents["text/csv"] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
            }
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<BodyContract>().FirstOrDefault() is { } body)
            {
                var schema = await context.GetOrCreateSchemaAsync(body.Type, parameterDescription: null, ct);
                context.Document?.AddComponent(body.Type.Name, schema);
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = body.Required,
                    Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal)
                    {
                        ["application/json"] = new() { Schema = new OpenApiSchemaReference(body.Type.Name, context.Document) },
                    },
                };
            }
        });
        options.AddSchemaTransformer(static (schema, context, _) =>
        {
            Describe(schema, context.JsonTypeInfo.Type);
            Tighten(schema, context.JsonTypeInfo);
            return Task.CompletedTask;
        });
    });

    /// <summary>Says that an endpoint answers <c>text/csv</c> too.</summary>
    public sealed record AlsoCsv;

    // A number may be read from a string, and the generator says so of every number; what is written is always a number, and what is computed is always there.
    static void Tighten(OpenApiSchema schema, JsonTypeInfo type)
    {
        if (schema.Pattern is not null && schema.Type is { } written && written.HasFlag(JsonSchemaType.String) && (written.HasFlag(JsonSchemaType.Integer) || written.HasFlag(JsonSchemaType.Number)))
        {
            schema.Type = written & ~JsonSchemaType.String;
            schema.Pattern = null;
        }
        if (type.Type == typeof(Client.BreakdownGroup) && schema.Properties?["group"] is OpenApiSchema { AdditionalProperties: OpenApiSchema value })
        {
            value.Type |= JsonSchemaType.Null;
        }
        if (schema.Items is null && type.ElementType is { IsEnum: true } word)
        {
            var item = new OpenApiSchema();
            Describe(item, word);
            schema.Items = item;
        }
        foreach (var computed in type.Properties.Where(static p => p is { Get: not null, Set: null, IsRequired: false } && (p.PropertyType.IsValueType && Nullable.GetUnderlyingType(p.PropertyType) is null)))
        {
            (schema.Required ??= new HashSet<string>(StringComparer.Ordinal)).Add(computed.Name);
        }
    }

    // Types with converters of their own look like anything to the schema generator.
    static void Describe(OpenApiSchema schema, Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        var orNull = plain == type ? default : JsonSchemaType.Null;
        if (plain == typeof(Ledger.Money.NanoUsd))
        {
            schema.Type = JsonSchemaType.Number | orNull;
            schema.Description ??= "US dollars, exact to nine decimals.";
        }
        else if (plain == typeof(Client.MoneyLimit) || plain == typeof(Client.CountLimit))
        {
            schema.Type = JsonSchemaType.Number | JsonSchemaType.String | orNull;
            schema.Description ??= "A number, or the word unlimited; null is the default.";
        }
        else if (plain == typeof(DateTimeOffset))
        {
            schema.Type = JsonSchemaType.String | orNull;
            schema.Format = "date-time";
        }
        else if (plain.IsEnum)
        {
            schema.Type = JsonSchemaType.String | orNull;
            schema.Enum = [.. Enum.GetNames(plain).Select(static name => (System.Text.Json.Nodes.JsonNode)System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name))];
        }
    }
}
