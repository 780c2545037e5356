using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace CurateMe.Ledger.Mongo;

/// <summary>The functions of the official C driver that are used here (libmongoc 1.17 or later, libbson).</summary>
internal static unsafe partial class Native
{
    internal const string Mongoc = "libmongoc-1.0.so.0";
    const string Bson = "libbson-1.0.so.0";

    /// <summary>Bytes of a bson_t, which is aligned to as many.</summary>
    internal const int BsonSize = 128;

    /// <summary>MONGOC_READ_PRIMARY.</summary>
    internal const int ReadPrimary = 1;

    /// <summary>bson_error_t: domain, code, message.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Error
    {
        internal uint Domain;
        internal uint Code;
        internal Text Message;

        [InlineArray(504)]
        internal struct Text
        {
            byte _first;
        }

        internal readonly string Describe()
        {
            ReadOnlySpan<byte> text = Message;
            return System.Text.Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(text))));
        }
    }

    [LibraryImport(Bson)] internal static partial nint bson_new_from_data(byte* data, nuint length);
    [LibraryImport(Bson)] internal static partial byte* bson_get_data(nint bson);
    [LibraryImport(Bson)] internal static partial void bson_destroy(nint bson);

    [LibraryImport(Mongoc)] internal static partial void mongoc_init();
    [LibraryImport(Mongoc)] internal static partial void mongoc_log_set_handler(delegate* unmanaged<int, byte*, byte*, void*, void> handler, void* state);
    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint mongoc_uri_new_with_error(string uri, Error* error);
    [LibraryImport(Mongoc)] internal static partial byte* mongoc_uri_get_database(nint uri);
    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)][return: MarshalAs(UnmanagedType.U1)] internal static partial bool mongoc_uri_has_option(nint uri, string option);
    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)][return: MarshalAs(UnmanagedType.U1)] internal static partial bool mongoc_uri_set_option_as_int32(nint uri, string option, int value);
    [LibraryImport(Mongoc)] internal static partial void mongoc_uri_set_read_prefs_t(nint uri, nint readPreference);
    [LibraryImport(Mongoc)] internal static partial void mongoc_uri_destroy(nint uri);
    [LibraryImport(Mongoc)] internal static partial nint mongoc_read_prefs_new(int mode);
    [LibraryImport(Mongoc)] internal static partial void mongoc_read_prefs_destroy(nint readPreference);
    [LibraryImport(Mongoc)] internal static partial nint mongoc_client_pool_new(nint uri);
    [LibraryImport(Mongoc)][return: MarshalAs(UnmanagedType.U1)] internal static partial bool mongoc_client_pool_set_error_api(nint pool, int version);
    [LibraryImport(Mongoc)] internal static partial void mongoc_client_pool_max_size(nint pool, uint size);
    [LibraryImport(Mongoc)] internal static partial nint mongoc_client_pool_pop(nint pool);
    [LibraryImport(Mongoc)] internal static partial void mongoc_client_pool_push(nint pool, nint client);
    [LibraryImport(Mongoc)] internal static partial void mongoc_client_pool_destroy(nint pool);
    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool mongoc_client_read_command_with_opts(nint client, string database, nint command, nint readPreference, nint options, nint reply, Error* error);
    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)]
    [return: MarshalAs(UnmanagedType.U1)]
    internal static partial bool mongoc_client_write_command_with_opts(nint client, string database, nint command, nint options, nint reply, Error* error);
    [LibraryImport(Mongoc, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint mongoc_client_get_collection(nint client, string database, string collection);
    [LibraryImport(Mongoc)] internal static partial nint mongoc_collection_find_with_opts(nint collection, nint filter, nint options, nint readPreference);
    [LibraryImport(Mongoc)] internal static partial nint mongoc_collection_aggregate(nint collection, int flags, nint pipeline, nint options, nint readPreference);
    [LibraryImport(Mongoc)] internal static partial void mongoc_collection_destroy(nint collection);
    [LibraryImport(Mongoc)][return: MarshalAs(UnmanagedType.U1)] internal static partial bool mongoc_cursor_next(nint cursor, nint* bson);
    [LibraryImport(Mongoc)][return: MarshalAs(UnmanagedType.U1)] internal static partial bool mongoc_cursor_error(nint cursor, Error* error);
    [LibraryImport(Mongoc)] internal static partial void mongoc_cursor_destroy(nint cursor);

    /// <summary>Loads the driver once per process. What it would print goes nowhere: every failure comes back as an error.</summary>
    /// <exception cref="MongoException">The driver is not installed.</exception>
    internal static void Load()
    {
        if (!NativeLibrary.TryLoad(Mongoc, typeof(Native).Assembly, null, out _))
        {
            throw new MongoException(
                $"MONGODB_URL is set, but the MongoDB C driver {Mongoc} is not installed. On Debian or Ubuntu: apt-get install libmongoc-1.0-0", 0);
        }
        RuntimeHelpers.RunClassConstructor(typeof(Loaded).TypeHandle);
    }

    static class Loaded
    {
        static Loaded()
        {
            mongoc_init();
            mongoc_log_set_handler(&Ignore, null);
        }

        [UnmanagedCallersOnly]
        static void Ignore(int level, byte* domain, byte* message, void* state) { }
    }
}

/// <summary>The driver or the server refused.</summary>
/// <param name="code">The server's error code, or the driver's.</param>
internal sealed class MongoException(string message, uint code) : Exception(message)
{
    internal const uint DuplicateKey = 11000;

    internal uint Code { get; } = code;

    /// <summary>One of a reply's <c>writeErrors</c>.</summary>
    internal static MongoException Of(BsonFields error) => new(error.Text("errmsg") ?? "the server refused a document", (uint)error.Number("code"));
}
