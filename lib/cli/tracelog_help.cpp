#include "cli/tracelog_options.h"

namespace etw::cli {

const char kTracelogHelp[] =
    R"(Usage: tracelog [action] [options] | [-h | -help | -?]

Starts, changes and stops trace sessions, and chooses which providers write to
them. Actions and options come in any order and any case, with - or /.

Actions
  -start NAME       start a session and enable its providers; also starts the
                    session host where none runs
  -stop NAME        write out what is buffered, close the log, end the session
  -q NAME           show a session
  -l                show all sessions
  -enable NAME      enable providers in a running session, or change how
  -disable NAME     disable providers of a running session
  -flush NAME       write out what is buffered
  -update NAME      change the log file (-f), -max or -ft of a running session
  -enumguid         show the registered providers
  -doctor           test what a capture needs, and say what to do where it fails
  A missing NAME stands for "NT Kernel Logger".

Providers (-start, -enable, -disable)
  -guid PROVIDER    what to enable; may be repeated:
                      GUID, {GUID} or '#GUID'    one provider
                      FILE                       a line for each provider:
                                                 GUID[;keyword[;level]]
                      NAME or '*NAME'            GUID made from a provider's name
                    Quote # and *: a shell takes them for its own.
  -level N          record events up to this level: 1 critical, 2 error,
                    3 warning, 4 information, 5 verbose; 0 records all
  -matchanykw N     record events that have any of these keywords; 0 all events
  -matchallkw N     of those, only events that have all of these keywords
  -flag N           -matchanykw for 32 bits; where both are given that counts
  -timeout MS       wait so long for each provider to take it up (default 0)

Log file (-start)
  -f FILE           log file (default LogFile.etl in this folder)
  -seq MB           stop recording at this size
  -cir MB           begin again at this size: keeps the newest events
  -newfile MB       go on in a new file at this size; FILE has %d for its number
  -append           add to FILE; times are system time
  -prealloc         reserve the whole size at once (with -seq or -cir)
  -kb               sizes are KB

Buffers and clock (-start)
  -b KB             size of a buffer, 4 to 16384 (default 64)
  -min N, -max N    number of buffers over all processors
  -ft SECONDS       write out at least so often (default: when a buffer is full)
  -UsePerfCounter   time stamps are performance counts (default)
  -UseSystemTime    time stamps are system time
  -UseCPUCycle      time stamps are processor cycles

Output
  -lp               with -q and -l: also the enabled providers
  -json             print JSON

Numbers are decimal or hexadecimal (0x1f, ff). Sizes take K, M and G.

Examples
  tracelog -start MyTrace -guid MyCompany.MyComponent -level 5 -f my.etl
  tracelog -start MyTrace -guid providers.guid -f my.etl -cir 64 -ft 1
  tracelog -enable MyTrace -guid d58c126f-b309-11d1-969e-0000f875a5bc -level 4
  tracelog -q MyTrace -lp
  tracelog -stop MyTrace && tracefmt my.etl -displayonly

Exit status: 0 done, 1 failed, 2 usage, 3 stopped, but events were lost.
)";

}  // namespace etw::cli
