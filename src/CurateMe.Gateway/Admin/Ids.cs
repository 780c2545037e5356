using System.Security.Cryptography;

namespace CurateMe.Gateway.Admin;

/// <summary>Ids of things that operators make: a prefix that says what it is, and 16 random characters (80 bits).</summary>
static class Ids
{
    const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    public static string New(string prefix) => prefix + RandomNumberGenerator.GetString(Alphabet, 16);
}
