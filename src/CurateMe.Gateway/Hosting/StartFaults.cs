using CurateMe.Gateway.Configuration;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Hosting;

/// <summary>Failures of the start that an operator can mend: they are said in a sentence. Anything else is a bug and keeps its stack.</summary>
static class StartFaults
{
    public static bool Includes(Exception e) =>
        e is ConfigurationException or JournalUnavailableException or LedgerUnavailableException or ConfigStoreUnavailableException or AlertStoreUnavailableException
            or EntryStoreUnavailableException or IOException or InvalidDataException or UnauthorizedAccessException;
}
