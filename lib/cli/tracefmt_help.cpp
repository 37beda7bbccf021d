#include "cli/tracefmt.h"

namespace etw::cli {

const char kTracefmtHelp[] =
    R"(Usage: tracefmt [EtlFile... | -rt [Session]] [options]
       tracefmt -h

Formats the events of trace logs, or of a running session as they come, as
text, one line an event, in order of time.

Parameters:
  EtlFile            Log to read; several are merged by time.
                     Default: LogFile.etl in the current folder.
  -f EtlFile         The same.
  -rt [Session]      The session's events from now on, until it stops (or
                     Ctrl+C). Default: NT Kernel Logger.

Output:
  -o File            Text file; its summary is File.sum. - is standard output
                     (no summary). Default: FmtFile.txt and FmtSum.txt.
  -display           To standard output as well.
  -displayonly       To standard output instead of a text file.
  -nosummary         No summary file.
  -summaryonly       The summary file only.

Format:
  -json              JSON lines: one object an event, times in UTC.
  -noprefix          Without [cpu]pid.tid::time [provider].
  -hires             Times with 7 digits of the second instead of 3.
  -utc, -gmt         Times in UTC, not in the local time zone.

Trace messages (the first format that is found counts, in this order):
  -tmf File          TMF file; it may hold formats of many message GUIDs.
  -i Images          Executables or binaries, separated by semicolons: finds
                     their PDBs, writes their formats to the -p folder, or
                     TRACE_FORMAT_SEARCH_PATH, or the current folder.
  -r Paths           Where -i finds PDBs: folders and symbol stores. Default:
                     _NT_SYMBOL_PATH; then the image's own folder.
  -pdb Files         PDB files or binaries, separated by semicolons.
  -p Folder          Folder of TMF files, GUID.tmf. Then those of
                     TRACE_FORMAT_SEARCH_PATH, then default.tmf.
  -skipTmfWpp        Leaves trace messages out.

  -h, -help, -?      This text.

Options may also be written /option, in any case. Reports go to standard error
when the events go to standard output.

Exit status: 0 done; 1 failed; 2 usage; 3 done, but the log has lost events or
damaged buffers, or tracefmt came too late for some of a session's buffers.
)";

}  // namespace etw::cli
