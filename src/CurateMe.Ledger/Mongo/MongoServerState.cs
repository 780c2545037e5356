namespace CurateMe.Ledger.Mongo;

/// <summary>What the server of the ledger says of itself.</summary>
/// <param name="Kind"><c>standalone</c>, <c>replica set</c> or <c>sharded</c>.</param>
/// <param name="ReplicaSet">Its name; null outside one.</param>
/// <param name="Members">Members of the replica set that hold data; 0 where the server does not say.</param>
public sealed record MongoServerState(string Kind, string? ReplicaSet, int Members)
{
    /// <summary>How every write of the ledger is acknowledged, whatever the URL says.</summary>
    public const string WriteConcern = "majority, journaled";

    /// <summary>What an operator should change, in sentences.</summary>
    public IReadOnlyList<string> Warnings => (Kind, Members) switch
    {
        ("standalone", _) => ["MongoDB is a standalone server: its disk is the only copy of the ledger. Run it as a replica set of three."],
        ("replica set", < 3) => [$"MongoDB's replica set {ReplicaSet} has {Members} member(s) with data: a majority does not outlive the loss of one. Run three."],
        _ => [],
    };

    internal static MongoServerState Read(MongoSession session)
    {
        var hello = session.Read(new Bson { { "hello", 1 } });
        var members = hello.List("hosts").Count + hello.List("passives").Count;
        return hello.Text("msg") == "isdbgrid" ? new MongoServerState("sharded", null, 0)
            : hello.Text("setName") is { } set ? new MongoServerState("replica set", set, members)
            : new MongoServerState("standalone", null, 0);
    }
}
