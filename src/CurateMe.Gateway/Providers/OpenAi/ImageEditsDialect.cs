using System.Globalization;
using System.Text;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Pictures from pictures, a multipart form: billed as pictures from text are, and for each picture that goes in.</summary>
sealed class ImageEditsDialect : OpenAiDialect
{
    const int MaxPictures = 16;

    public override string Endpoint => "images.edits";
    public override string? RequestType => "multipart/form-data";
    public override bool HasCap => false;
    public override int MaxPlainAnswer => 256 << 20;
    protected override string Operation => "/images/edits";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request)
    {
        var form = new Form();
        foreach (var part in new MultipartParts(body, MultipartParts.Delimiter(request)))
        {
            form.Take(part, body.Slice(part.Content.Start, part.Content.Length));
        }
        if (form.Pictures is 0 or > MaxPictures)
        {
            throw RequestJson.Missing("image", $"Send 1 to {MaxPictures} pictures as the part \"image\" or \"image[]\".");
        }
        var model = Deployment(request) ?? form.Model ?? throw RequestJson.Missing("model", "Name the model, e.g. \"gpt-image-1\".");
        var facts = new ImagesFacts
        {
            Model = model,
            ModelToken = form.ModelToken,
            ByDeployment = Deployment(request) is not null,
            Stream = form.Stream,
            OutputCap = ImagesFacts.MaxTextTokens,
            Images = form.Count * (form.Pictures + form.Masks),
            Pictures = form.Count,
            Size = form.Size,
            Quality = form.Quality,
            PartialTokens = (long)form.Count * form.Partials * ImagesFacts.TokensOfPartial,
            ImageVariant = model.StartsWith("dall-e", StringComparison.Ordinal) ? $"{form.Size ?? "1024x1024"}/{form.Quality ?? "standard"}" : null,
        };
        facts.Input[BilledUnit.InputToken] = form.Count * form.Text;
        return facts;
    }

    // A form without the part goes to a deployment, whose address names the model.
    public override BodyPatch? Model(ReadOnlySpan<byte> body, RequestFacts facts, string model) => !facts.ModelToken.Exists ? null : new BodyPatch(facts.ModelToken.Start, facts.ModelToken.Length, Encoding.UTF8.GetBytes(model));

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) =>
        new ImagesMeter(price.IsPriced(BilledUnit.Image), ((ImagesFacts)facts).Pictures);

    struct Form()
    {
        ulong seen;

        public string? Model;
        public ByteSpan ModelToken;
        public int Pictures;
        public int Masks;
        public int Count = 1;
        public int Partials;
        public bool Stream;
        public string? Size;
        public string? Quality;
        public long Text;

        public void Take(MultipartPart part, ReadOnlySpan<byte> content)
        {
            switch (part.Name)
            {
                case "image" or "image[]":
                    Pictures++;
                    break;
                case "mask":
                    Once(0, part.Name);
                    Masks++;
                    break;
                case "model":
                    Once(1, part.Name);
                    Model = RequestJson.Checked(Encoding.UTF8.GetString(content));
                    ModelToken = part.Content;
                    break;
                case "n":
                    Once(2, part.Name);
                    Count = Number(content, "n", 1, ImagesFacts.MaxPictures);
                    break;
                case "size":
                    Once(3, part.Name);
                    Size = Word(content);
                    break;
                case "quality":
                    Once(4, part.Name);
                    Quality = Word(content);
                    break;
                case "stream":
                    Once(5, part.Name);
                    Stream = content.SequenceEqual("true"u8) || content.SequenceEqual("True"u8) || content.SequenceEqual("1"u8);
                    break;
                case "partial_images":
                    Once(6, part.Name);
                    Partials = Number(content, "partial_images", 0, ImagesFacts.MaxPartials);
                    break;
                default:
                    Text += content.Length + Normalization.Growth(content);
                    break;
            }
        }

        // A provider may believe the first or the last of two; a bound needs one.
        void Once(int field, string name)
        {
            if ((seen >> field & 1) != 0)
            {
                throw new RefusedException(ErrorCode.InvalidField, $"The field \"{name}\" is there twice.", "Send it once.", name);
            }
            seen |= 1UL << field;
        }

        static int Number(ReadOnlySpan<byte> content, string name, int least, int most) =>
            int.TryParse(content, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
                ? value
                : throw new RefusedException(ErrorCode.InvalidField, $"The field \"{name}\" must be a whole number from {least} to {most}.", "Send a number in that range, or leave the field out.", name);

        static string? Word(ReadOnlySpan<byte> content)
        {
            var word = content.Length <= 64 ? Encoding.UTF8.GetString(content) : "?";
            return word is "auto" or "" ? null : word;
        }
    }
}
