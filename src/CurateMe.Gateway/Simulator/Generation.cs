using System.Text;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>What a model makes of one choice: thought, then text or a call of a tool, within the caller's cap.</summary>
/// <param name="Reasoning">Tokens of thought.</param>
/// <param name="Pieces">Text, or the arguments of the call.</param>
/// <param name="ToolName">The tool that is called, or null.</param>
/// <param name="Capped">The cap ended it.</param>
internal sealed record Generation(int Reasoning, List<Piece> Pieces, string? ToolName, bool Capped)
{
    string? _text;

    public int NameTokens { get; } = ToolName is null ? 0 : Tokens.Count(ToolName);

    /// <summary>All tokens made, thought included.</summary>
    public int Completion { get; } = Reasoning + (ToolName is null ? 0 : Tokens.Count(ToolName)) + Sum(Pieces);

    public string Text => _text ??= Join(Pieces);

    /// <summary>One choice, within the cap and the context window.</summary>
    public static Generation For(SimulatedCall call, ModelCard card, int? cap, int prompt, JsonElement schema, string? tool, int reasoning, uint seed)
    {
        var behaviour = call.Behaviour;
        var wanted = behaviour.OutputTokens ?? Behaviour.DefaultOutputTokens;
        if (behaviour.IgnoreCap)
        {
            wanted += cap ?? 0;
            cap = null;
        }
        else
        {
            cap = Math.Min(cap ?? card.MaxOutput, Math.Max(0, card.Context - prompt));
        }
        var pieces = schema.ValueKind == JsonValueKind.Object ? Tokens.Split(SchemaSample.Write(schema, seed)) : Prose.Pieces(seed, cap < wanted ? cap.Value + 1 : wanted);
        return Make(pieces, tool, reasoning, cap);
    }

    /// <param name="wanted">The whole of what the model would say.</param>
    /// <param name="reasoning">Tokens of thought wanted.</param>
    /// <param name="cap">Most tokens, thought included; null for none.</param>
    public static Generation Make(List<Piece> wanted, string? toolName, int reasoning, int? cap)
    {
        var left = cap ?? int.MaxValue;
        var thought = Math.Min(reasoning, left);
        left -= thought;
        var capped = thought < reasoning;
        if (toolName is not null)
        {
            var name = Tokens.Count(toolName);
            if (name > left)
                return new Generation(thought, [], null, Capped: true);
            left -= name;
        }
        for (var i = 0; i < wanted.Count; i++)
        {
            if (wanted[i].Tokens > left)
                return new Generation(thought, wanted[..i], toolName, Capped: true);
            left -= wanted[i].Tokens;
        }
        return new Generation(thought, wanted, toolName, capped);
    }

    static int Sum(List<Piece> pieces)
    {
        var sum = 0;
        foreach (var piece in pieces)
            sum += piece.Tokens;
        return sum;
    }

    static string Join(List<Piece> pieces)
    {
        var text = new StringBuilder(pieces.Count * 6);
        foreach (var piece in pieces)
            text.Append(piece.Text);
        return text.ToString();
    }
}
