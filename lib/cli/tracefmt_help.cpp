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

Descriptions of events (what a log says of its own events needs none):
  -man File[;File]   Instrumentation manifests, XML.
  -bin File[;File]   Windows programs or libraries that have their manifest in
                     their resources.
  -manpath Dir[;Dir] Folders with manifests named GUID.man, without braces and
                     hyphens.

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

  -h, -help, -?      This text.

Options may also be written /option, in any case. Reports go to standard error
when the events go to standard output.

Exit status: 0 done; 1 failed; 2 usage; 3 done, but the log has lost events or
damaged buffers, or tracefmt came too late for some of a session's buffers.
)";

}  // namespace etw::cli
