namespace CurateMe.Ledger.Pricing;

/// <summary>What a model does, which is to say at which endpoint it is called.</summary>
public enum ModelMode : byte
{
    Chat,
    /// <summary>Served by the responses endpoint only.</summary>
    Responses,
    Embedding,
    Image,
    AudioSpeech,
    AudioTranscription,
    Moderation,
    Completion,
}
