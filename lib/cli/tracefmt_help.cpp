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

Which events (in every output; options of one kind are alternatives, those of
different kinds have to hold together; lists: a;b, or the option again):
  -from Time         Not before: seconds from the first event (1.5), a date
  -to Time           and time (2003-10-23T12:27:40.173, Z for UTC), or a time
                     as it is printed. -to includes the unit it ends in.
  -pid Process       Number, or a name (*.exe) where the log has kernel events.
  -provider Provider GUID, or a name; * and ? as in file names.
  -id Id             Number or range (1000-1010) of manifest events and trace
                     messages.
  -event Name        Name, or Class/Opcode of a kernel event; * and ? as above.
  -level Level       At most: 0 to 255, or critical, error, warning,
                     information, verbose.

Other formats, in place of the text (which comes as well with -o or -display):
  -perfetto File     Trace for ui.perfetto.dev.
  -ctf Folder        Common Trace Format: babeltrace2, Trace Compass.
  -pcapng File       Packets of netsh trace and pktmon, for Wireshark.
  -relog File.etl    Log with these events only, their bytes unchanged. Records
                     that name or describe them stay in it.

  -h, -help, -?      This text.

Options may also be written /option, in any case. Reports go to standard error
when the events go to standard output.

Exit status: 0 done; 1 failed; 2 usage; 3 done, but the log has lost events or
damaged buffers, or tracefmt came too late for some of a session's buffers.
)";

}  // namespace etw::cli
