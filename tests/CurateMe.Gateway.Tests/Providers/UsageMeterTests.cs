using System.Text;
using CurateMe.Gateway.Providers.Anthropic;
using CurateMe.Gateway.Providers.Gemini;
using CurateMe.Gateway.Providers.OpenAi;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>Meters on answers as providers may write them, with whatever the caller or the model puts into them.</summary>
public sealed class UsageMeterTests
{
    [Theory]
    [InlineData("""{"type":"response.completed","response":{"id":"resp_1","status":"completed","metadata":{"k":"x.delta"},"usage":{"input_tokens":100,"output_tokens":5000}}}""")]
    [InlineData("""{"response":{"id":"resp_1","instructions":"x.delta","metadata":{"type":"x.delta"},"usage":{"input_tokens":100,"output_tokens":5000}},"type":"response.completed"}""")]
    [InlineData("""{"sequence_number":9,"type":"response.completed","response":{"output":[{"type":"message","content":[{"text":".delta"}]}],"usage":{"input_tokens":100,"output_tokens":5000}}}""")]
    public void Responses_EventThatEchoesTheNameOfADelta_StillHasItsUsage(string completed)
    {
        var meter = new ResponsesMeter(reasoningBeside: false);
        meter.ReadEvent(Encoding.UTF8.GetBytes(completed));
        Assert.Equal((true, true, 5000L), (meter.Reading.Known, meter.Reading.Final, meter.Reading.Usage[BilledUnit.OutputToken]));
    }

    [Theory]
    [InlineData("""{"type":"response.output_text.delta","delta":"TEXT"}""")]
    [InlineData("""{"delta":"TEXT", "item":{"type":"none"}, "type" : "response.output_text.delta"}""")]
    public void Responses_DeltaWhereverItsTypeStands_CountsAsText(string delta)
    {
        var meter = new ResponsesMeter(reasoningBeside: false);
        meter.ReadEvent(Encoding.UTF8.GetBytes(delta.Replace("TEXT", new string('a', 1_000), StringComparison.Ordinal)));
        Assert.InRange(meter.Reading.OutputBytes, 800, 1_100);
        Assert.False(meter.Reading.Known);
    }

    [Theory]
    [InlineData("content_block_delta")]
    [InlineData("message_delta")]
    public void Messages_StopSequenceNamedAsAnEvent_StillHasItsUsage(string stop)
    {
        var meter = new MessagesMeter();
        meter.ReadEvent(Encoding.UTF8.GetBytes($$$$"""{"type":"message_start","message":{"id":"m","stop_sequence":"{{{{stop}}}}","content":[],"usage":{"input_tokens":100,"output_tokens":1}}}"""));
        Assert.Equal((true, false), (meter.Reading.InputKnown, meter.Reading.Known));
        meter.ReadEvent(Encoding.UTF8.GetBytes($$$"""{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"{{{stop}}}"},"usage":{"output_tokens":5000}}"""));
        Assert.Equal((true, 5000L), (meter.Reading.Known, meter.Reading.Usage[BilledUnit.OutputToken]));
    }

    [Theory]
    [InlineData("\"cached_tokens\":900", 900)]
    [InlineData("\"prompt_cache_hit_tokens\":900", 900)]
    [InlineData("\"prompt_tokens_details\":{\"cached_tokens\":800},\"cached_tokens\":900", 800)]
    [InlineData("\"cached_tokens\":900,\"prompt_tokens_details\":{\"cached_tokens\":800}", 800)]
    public void Chat_CacheHitsBesideTheDetails_AreCached(string hits, long cached)
    {
        var meter = new ChatMeter(hideUsageEvent: false, reasoningBeside: false);
        meter.ReadPlain(Encoding.UTF8.GetBytes($$$"""{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":5,"total_tokens":1005,{{{hits}}}}}"""));
        Assert.Equal((cached, 1_000 - cached), (meter.Reading.Usage[BilledUnit.CachedInputToken], meter.Reading.Usage[BilledUnit.InputToken]));
    }

    [Theory]
    [InlineData("gemini-3-pro-preview", 3)]
    [InlineData("gemini-2.5-flash", 1)]
    public void Gemini_Searches_AreThoseOfTheGroundingAndNotTheArgumentsOfACall(string model, long searches)
    {
        const string Call = """{"parts":[{"functionCall":{"name":"f","args":{"webSearchQueries":["a","b","c","d"],"groundingMetadata":{"webSearchQueries":["a","b","c","d"]}}}}]}""";
        var meter = new GenerateContentMeter(model);
        meter.ReadPlain(Encoding.UTF8.GetBytes($$$"""{"candidates":[{"content":{{{Call}}},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10}}"""));
        Assert.Equal((true, 0L), (meter.Reading.Known, meter.Reading.Usage[BilledUnit.WebSearch]));
        meter.ReadPlain(Encoding.UTF8.GetBytes($$$"""{"candidates":[null,{"content":{{{Call}}},"groundingMetadata":{"webSearchQueries":["a","b","c"]}}],"usageMetadata":{"promptTokenCount":10}}"""));
        Assert.Equal((true, searches), (meter.Reading.Known, meter.Reading.Usage[BilledUnit.WebSearch]));
    }

    [Fact]
    public void Gemini_Stream_IsAtItsEndWhenEveryCandidateIs()
    {
        var meter = new GenerateContentMeter("gemini-2.5-flash", candidates: 2);
        foreach (var (candidate, final) in new[]
        {
            ("""{"content":{"parts":[{"functionCall":{"args":{"finishReason":"STOP"}}}]},"index":0}""", false),
            ("""{"finishReason":"STOP","index":0}""", false),
            ("""{"finishReason":"STOP","index":0}""", false),
            ("""{"finishReason":null,"index":1}""", false),
            ("""{"finishReason":"STOP","index":1}""", true),
        })
        {
            meter.ReadEvent(Encoding.UTF8.GetBytes($$$"""{"usageMetadata":{"promptTokenCount":10},"candidates":[{{{candidate}}}]}"""));
            Assert.Equal((true, final), (meter.Reading.Known, meter.Reading.Final));
        }
    }

    [Theory]
    [InlineData("""{"maps":{"uri":"https://maps.google.com/?cid=1","title":"t","placeId":"places/1"}},{"maps":{"title":"u"}}""", 1)]
    [InlineData("""{"web":{"uri":"https://example.com/"}},{"maps":{"title":"u"}}""", 1)]
    [InlineData("""{"web":{"title":"maps","maps":{}}}""", 0)]
    public void Gemini_GroundedOnMaps_IsBilledByThePrompt(string chunks, long maps)
    {
        var meter = new GenerateContentMeter("gemini-2.5-flash");
        meter.ReadEvent(Encoding.UTF8.GetBytes($$$"""{"candidates":[{"groundingMetadata":{"groundingChunks":[{{{chunks}}}],"webSearchQueries":["a"]}}],"usageMetadata":{"promptTokenCount":10}}"""));
        meter.ReadEvent("""{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5}}"""u8);
        var usage = meter.Reading.Usage;
        Assert.Equal((maps, 1L, 5L), (usage[BilledUnit.MapsSearch], usage[BilledUnit.WebSearch], usage[BilledUnit.OutputToken]));
    }

    [Theory]
    [InlineData(70)]
    [InlineData(1_000)]
    public void AnyMeter_JsonNestedDeep_HidesNoUsage(int depth)
    {
        var deep = string.Concat(Enumerable.Repeat("[", depth)) + new string(']', depth);
        foreach (var (meter, answer) in new (UsageMeter, string)[]
        {
            (new MessagesMeter(), """{"content":[{"type":"tool_use","input":DEEP}],"usage":{"input_tokens":1,"output_tokens":1}}"""),
            (new ChatMeter(hideUsageEvent: false, reasoningBeside: false), """{"choices":[DEEP],"usage":{"prompt_tokens":1,"completion_tokens":1}}"""),
            (new ResponsesMeter(reasoningBeside: false), """{"output":[{"type":"function_call","arguments":DEEP}],"usage":{"input_tokens":1,"output_tokens":1}}"""),
            (new GenerateContentMeter("gemini-2.5-flash"), """{"candidates":[{"content":DEEP}],"usageMetadata":{"promptTokenCount":1}}"""),
            (new ImagesMeter(byPiece: false, pictures: 1), """{"data":DEEP,"usage":{"input_tokens":1,"output_tokens":1}}"""),
        })
        {
            meter.ReadPlain(Encoding.UTF8.GetBytes(answer.Replace("DEEP", deep, StringComparison.Ordinal)));
            Assert.True(meter.Reading.Known, meter.GetType().Name);
        }
    }

    [Theory]
    [InlineData(""" "promptTokenCount":9007199254740991,"toolUsePromptTokenCount":1 """)]
    [InlineData(""" "promptTokenCount":1,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":9007199254740991},{"modality":"AUDIO","tokenCount":9007199254740991}] """)]
    [InlineData(""" "promptTokenCount":1,"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":9007199254740991},{"modality":"IMAGE","tokenCount":1}] """)]
    public void AC14_Gemini_CountsWhoseSumIsNone_AreNotBelieved(string usage)
    {
        var meter = new GenerateContentMeter("gemini-2.5-flash");
        meter.ReadPlain(Encoding.UTF8.GetBytes($$$"""{"usageMetadata":{{{{usage}}}}}"""));
        Assert.False(meter.Reading.Known);
        meter.ReadPlain("""{"usageMetadata":{"promptTokenCount":9007199254740990,"toolUsePromptTokenCount":1}}"""u8);
        Assert.Equal((true, UsageCounts.MaxCount), (meter.Reading.Known, meter.Reading.Usage[BilledUnit.InputToken]));
    }

    [Theory]
    [InlineData("advisor_message", 1_500)]
    [InlineData("of_a_kind_to_come", 1_500)]
    [InlineData("message", 0)]
    [InlineData("fallback_message", 0)]
    public void Messages_OtherIterations_AreCountedOnce(string kind, long beside)
    {
        var meter = new MessagesMeter();
        meter.ReadPlain(Encoding.UTF8.GetBytes($$$"""
            {"content":[],"usage":{"input_tokens":400,"output_tokens":600,"iterations":[
              {"type":"message","input_tokens":100,"output_tokens":100},{"type":"{{{kind}}}","model":"claude-opus-4-6","input_tokens":300,"output_tokens":1500},
              {"type":"message","input_tokens":300,"output_tokens":500}]}}
            """));
        Assert.Equal((true, 600 + beside), (meter.Reading.Known, meter.Reading.Usage[BilledUnit.OutputToken]));
        Assert.Equal(400 + (beside == 0 ? 0 : 300), meter.Reading.Usage[BilledUnit.InputToken]);
    }

    [Fact]
    public void Responses_Containers_AreThoseOfTheItemsThemselves()
    {
        var meter = new ResponsesMeter(reasoningBeside: false);
        meter.ReadPlain("""
            {"id":"resp_1","status":"completed","output":[
              {"type":"code_interpreter_call","container_id":"cntr_1","outputs":[{"container_id":"cntr_2"}]},
              {"type":"code_interpreter_call","container_id":"cntr_1"},
              {"type":"message","content":[{"annotations":[{"type":"container_file_citation","container_id":"cntr_3"}]}]},
              {"type":"mcp_call","error":{"container_id":"cntr_4"}}],
             "usage":{"input_tokens":1,"output_tokens":1}}
            """u8);
        Assert.Equal((true, 1L), (meter.Reading.Known, meter.Reading.Usage[BilledUnit.CodeSession]));
    }

    [Theory]
    [InlineData("{\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}", true)]
    [InlineData("{\"choices\":[],\"usage\":null}", true)]
    [InlineData("{\"choices\":[],\"usage\" : null,\"service_tier\":\"default\"}", true)]
    [InlineData("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"usage\\\":{}\"}}],\"usage\":null}", true)]
    [InlineData("{\"choices\":[{\"index\":0,\"delta\":{}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}", true)]
    [InlineData("{\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}", false)]
    [InlineData("{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1},\"choices\":[]}", false)]
    public void Chat_UsageThatTheGatewayAskedFor_OnlyItsOwnChunkIsHidden(string chunk, bool shown)
    {
        var meter = new ChatMeter(hideUsageEvent: true, reasoningBeside: false);
        Assert.Equal(shown, meter.ReadEvent(Encoding.UTF8.GetBytes(chunk)));
        Assert.True(new ChatMeter(hideUsageEvent: false, reasoningBeside: false).ReadEvent(Encoding.UTF8.GetBytes(chunk)));
    }

    [Fact]
    public void Messages_CompactionOfTheConversation_IsBilledBesideTheAnswer()
    {
        const string Iterations = """
            [{"type":"compaction","input_tokens":180000,"output_tokens":3500,"cache_read_input_tokens":7},{"type":"message","input_tokens":23000,"output_tokens":1000}]
            """;
        var plain = new MessagesMeter();
        plain.ReadPlain(Encoding.UTF8.GetBytes($$"""{"content":[],"usage":{"iterations":{{Iterations}},"input_tokens":23000,"output_tokens":1000} }"""));
        var stream = new MessagesMeter();
        stream.ReadEvent("""{"type":"message_start","message":{"usage":{"input_tokens":23000,"output_tokens":1}}}"""u8);
        stream.ReadEvent(Encoding.UTF8.GetBytes($$"""{"type":"message_delta","delta":{},"usage":{"output_tokens":900,"iterations":{{Iterations}} } }"""));
        stream.ReadEvent(Encoding.UTF8.GetBytes($$"""{"type":"message_delta","delta":{},"usage":{"output_tokens":1000,"iterations":{{Iterations}} } }"""));
        foreach (var meter in new[] { plain, stream })
        {
            var usage = meter.Reading.Usage;
            Assert.Equal((true, 203_000L, 4_500L, 7L), (meter.Reading.Known, usage[BilledUnit.InputToken], usage[BilledUnit.OutputToken], usage[BilledUnit.CachedInputToken]));
        }
    }

    [Fact]
    public void AC14_Messages_CountsWhoseSumIsNone_AreNotBelieved()
    {
        var meter = new MessagesMeter();
        meter.ReadPlain("""{"usage":{"input_tokens":1,"output_tokens":1,"iterations":[{"type":"compaction","input_tokens":9007199254740991}]}}"""u8);
        Assert.False(meter.Reading.Known);
    }
}
