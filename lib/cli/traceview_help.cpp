#include "cli/traceview_options.h"

namespace etw::cli {

const char kTraceviewHelp[] =
    R"(Usage: traceview {-start|-stop|-update|-enable|-disable|-flush|-q} NAME [options]
       traceview {-l|-enumguid|-x|-h}
       traceview -process [EtlFile | -rt [NAME]] [options]
       traceview -parsepdb PDB [-p FOLDER]

Controls trace sessions as tracelog does, joins running sessions, shows what
they record, and formats logs as tracefmt does.

Commands
  -start NAME       start a session and enable its providers (-guid)
  -stop NAME        write out what is buffered, close the log, end the session
  -update NAME      change -f, -rt, -max or -ft of a running session
  -enable NAME      enable providers in a running session, or change how
  -disable NAME     disable providers of a running session
  -flush NAME       write out what is buffered
  -q NAME           show a session
  -l                show all sessions
  -enumguid         show the registered providers
  -x                stop all sessions
  -process          format a log: see below
  -parsepdb PDB     write the trace message formats of PDB files, or of binaries,
                    as tracepdb -c does: TMF, TMC and MOF files, to FOLDER or
                    the current folder; -json

Options
  -guid PROVIDER    a GUID, a file of providers or a provider's name
  -flag N, -level N what they record (default 0)
  -f FILE           log file (default LogFile.etl in this folder)
  -rt               real time; with -f both
  -seq MB, -cir MB, -newfile MB, -append, -prealloc
                    kinds of log files, as for tracelog
  -b KB             size of a buffer
  -min N, -max N    number of buffers over all processors
  -ft SECONDS       write out at least so often
  -paged            accepted; buffers are never paged out
  -age MINUTES      accepted without effect
  -display          with -start: stay in the foreground, show what is recorded,
                    and stop the session at the end (Ctrl-C)
  -join ANSWER      with -start, where a running session has a provider enabled:
                      yes     stop that session, and start with its providers
                              and properties
                      no      join it without stopping it, now or at the end
                      cancel  start nothing
                    Without -join you are asked, if there is a terminal.
  -json             print JSON

Formatting (-process; default LogFile.etl, to FmtFile.txt and FmtSum.txt)
  -o FILE           text file; its summary is FILE.sum
  -display, -displayonly, -nosummary, -summaryonly, -noprefix, -json
                    as for tracefmt
  -tmf FILE, -p FOLDER
                    formats of trace messages, as for tracefmt

Exit status: 0 done, 1 failed, refused or cancelled, 2 usage, 3 done, but events
were lost.
)";

}  // namespace etw::cli
