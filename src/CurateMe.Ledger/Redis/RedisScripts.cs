using System.Reflection;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>The Lua files beside this class. Each is named by what it does and a version, so that two releases can run on one server.</summary>
static class RedisScripts
{
    static readonly string Cells = Text("cells.v1.lua");
    static readonly string Skip = Text("skip.v1.lua");

    public static readonly RespScript Attach = Load("attach.v2");
    public static readonly RespScript Open = Load("open.v1");
    public static readonly RespScript Hold = Load("hold.v2");
    public static readonly RespScript End = new("end.v2", Cells + Skip + Text("end.v2.lua"));
    public static readonly RespScript Expire = Load("expire.v1");
    public static readonly RespScript Snapshot = Load("snapshot.v2");
    public static readonly RespScript Mark = Load("mark.v2");
    public static readonly RespScript Captured = Load("captured.v1");
    public static readonly RespScript Adjust = Load("adjust.v3");
    public static readonly RespScript Begin = Load("begin.v2");
    public static readonly RespScript Renew = Load("renew.v1");
    public static readonly RespScript GiveUp = Plain("give_up.v1");
    public static readonly RespScript HeldBy = Plain("held_by.v1");
    public static readonly RespScript Push = Load("push.v1");
    public static readonly RespScript Charge = new("charge.v2", Cells + Skip + Text("charge.v2.lua"));
    public static readonly RespScript Beat = Load("beat.v1");
    public static readonly RespScript Confirm = Load("confirm.v1");
    public static readonly RespScript Caught = Load("caught.v1");

    public static readonly RespScript EntryAdd = Plain("entry_add.v1");
    public static readonly RespScript EntryReplace = Plain("entry_replace.v1");

    // Without what the counters share.
    static RespScript Plain(string name) => new(name, Text(name + ".lua"));

    static RespScript Load(string name) => new(name, Cells + Text(name + ".lua"));

    static string Text(string file)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"CurateMe.Ledger.Redis.{file}")
            ?? throw new InvalidOperationException($"{file} is not in this assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
