using System.Runtime.InteropServices;

namespace CurateMe.Ledger.Mongo;

/// <summary>One borrowed client of the pool, used by one thread for one piece of work. Every call blocks.</summary>
internal readonly unsafe struct MongoSession(nint client, string database)
{
    /// <summary>Stored by a majority and in their journals, or an error after the wait.</summary>
    static Bson Durable => new() { { "w", "majority" }, { "j", true }, { "wtimeout", 20_000 } };

    static Bson Majority => new() { { "level", "majority" } };

    /// <summary>Runs a command that writes all of its documents, and gives its reply.</summary>
    /// <exception cref="MongoException">It failed, or a document was refused; others of the same command may be written.</exception>
    internal BsonFields Write(Bson command)
    {
        var reply = TryWrite(command);
        return reply.List("writeErrors").OfType<BsonFields>().FirstOrDefault() is { } error ? throw MongoException.Of(error) : reply;
    }

    /// <summary>Runs a command that writes, and gives its reply; errors of single documents are in the reply.</summary>
    internal BsonFields TryWrite(Bson command)
    {
        command.Add("writeConcern", Durable);
        return Command(command, write: true);
    }

    internal BsonFields Read(Bson command) => Command(command, write: false);

    /// <summary>Finds documents, following the cursor to its end.</summary>
    internal List<BsonFields> Find(string collection, Bson filter, Bson options)
    {
        options.Add("readConcern", Majority);
        using var handle = new CollectionHandle(client, database, collection);
        using var nativeFilter = new NativeBson(filter);
        using var nativeOptions = new NativeBson(options);
        List<BsonFields> all = [];
        Drain(Native.mongoc_collection_find_with_opts(handle.Pointer, nativeFilter.Pointer, nativeOptions.Pointer, 0), int.MaxValue, documents => all = documents);
        return all;
    }

    internal List<BsonFields> Aggregate(string collection, IEnumerable<Bson> pipeline)
    {
        List<BsonFields> all = [];
        Aggregate(collection, pipeline, new Bson(), int.MaxValue, documents => all = documents);
        return all;
    }

    /// <summary>Aggregates to more than should be in memory at once: gives so many at a time. Between them the session can be used for other calls.</summary>
    internal void Aggregate(string collection, IEnumerable<Bson> pipeline, int stretch, Action<List<BsonFields>> take) =>
        Aggregate(collection, pipeline, new Bson { { "batchSize", stretch } }, stretch, take);

    void Aggregate(string collection, IEnumerable<Bson> pipeline, Bson options, int stretch, Action<List<BsonFields>> take)
    {
        options.Add("readConcern", Majority);
        options.Add("allowDiskUse", true);
        using var handle = new CollectionHandle(client, database, collection);
        using var stages = new NativeBson(new Bson { { "pipeline", pipeline } });
        using var nativeOptions = new NativeBson(options);
        Drain(Native.mongoc_collection_aggregate(handle.Pointer, 0, stages.Pointer, nativeOptions.Pointer, 0), stretch, take);
    }

    static void Drain(nint cursor, int stretch, Action<List<BsonFields>> take)
    {
        try
        {
            List<BsonFields> documents = [];
            nint document;
            while (Native.mongoc_cursor_next(cursor, &document))
            {
                documents.Add(NativeBson.Read(document));
                if (documents.Count < stretch) continue;
                take(documents);
                documents = [];
            }
            Native.Error error;
            if (Native.mongoc_cursor_error(cursor, &error)) throw new MongoException(error.Describe(), error.Code);
            if (documents.Count > 0) take(documents);
        }
        finally
        {
            Native.mongoc_cursor_destroy(cursor);
        }
    }

    BsonFields Command(Bson command, bool write)
    {
        using var native = new NativeBson(command);
        var reply = (nint)NativeMemory.AlignedAlloc(Native.BsonSize, Native.BsonSize);
        try
        {
            Native.Error error;
            var done = write
                ? Native.mongoc_client_write_command_with_opts(client, database, native.Pointer, 0, reply, &error)
                : Native.mongoc_client_read_command_with_opts(client, database, native.Pointer, 0, 0, reply, &error);
            var answer = NativeBson.Read(reply);
            Native.bson_destroy(reply);
            if (done || (answer.ContainsKey("writeErrors") && !answer.ContainsKey("writeConcernError"))) return answer;
            throw new MongoException(error.Describe(), error.Code);
        }
        finally
        {
            NativeMemory.AlignedFree((void*)reply);
        }
    }

    /// <summary>A handle of a collection.</summary>
    readonly ref struct CollectionHandle(nint client, string database, string collection)
    {
        internal readonly nint Pointer = Native.mongoc_client_get_collection(client, database, collection);

        public void Dispose() => Native.mongoc_collection_destroy(Pointer);
    }
}

/// <summary>A document in libbson's memory.</summary>
internal readonly unsafe ref struct NativeBson
{
    internal readonly nint Pointer;

    internal NativeBson(Bson document)
    {
        var bytes = document.ToBytes();
        fixed (byte* data = bytes) Pointer = Native.bson_new_from_data(data, (nuint)bytes.Length);
        if (Pointer == 0) throw new InvalidOperationException("libbson refused a document that this program made.");
    }

    internal static BsonFields Read(nint bson)
    {
        var data = Native.bson_get_data(bson);
        return BsonReader.Read(new ReadOnlySpan<byte>(data, *(int*)data));
    }

    public void Dispose() => Native.bson_destroy(Pointer);
}
