using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>Writes the numbers of a usage block as <see cref="UsageForm"/> says, true or not.</summary>
internal readonly struct ReportedUsage(Utf8JsonWriter writer, UsageForm form)
{
    /// <summary>Writes the property, its name included, unless the form leaves it out.</summary>
    /// <param name="counts">Writes the inside of the object.</param>
    public static void Write<T>(Utf8JsonWriter writer, string name, UsageForm form, T state, Action<ReportedUsage, T> counts)
    {
        switch (form)
        {
            case UsageForm.Absent:
                return;
            case UsageForm.Null:
                writer.WriteNull(name);
                return;
            case UsageForm.Malformed:
                writer.WriteString(name, "see invoice");
                return;
            default:
                writer.WriteStartObject(name);
                counts(new ReportedUsage(writer, form), state);
                writer.WriteEndObject();
                return;
        }
    }

    public Utf8JsonWriter Json => writer;

    public void Count(string name, int value)
    {
        switch (form)
        {
            case UsageForm.Zero:
                writer.WriteNumber(name, 0);
                break;
            case UsageForm.Understated:
                writer.WriteNumber(name, value / 2);
                break;
            case UsageForm.Overstated:
                writer.WriteNumber(name, value * 2L);
                break;
            case UsageForm.StringNumbers:
                writer.WriteString(name, value.ToString());
                break;
            case UsageForm.FloatNumbers:
                writer.WritePropertyName(name);
                writer.WriteRawValue($"{value}.0");
                break;
            case UsageForm.Negative:
                writer.WriteNumber(name, -value - 1L);
                break;
            case UsageForm.Huge:
                writer.WriteNumber(name, (1L << 53) + 1 + value);
                break;
            case UsageForm.Exponent:
                writer.WritePropertyName(name);
                writer.WriteRawValue("1e308");
                break;
            case UsageForm.Nan:
                writer.WritePropertyName(name);
                writer.WriteRawValue("NaN", skipInputValidation: true);
                break;
            default:
                writer.WriteNumber(name, value);
                break;
        }
    }
}
