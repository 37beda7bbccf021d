#include "cli/tracelog_options.h"

namespace etw::cli {

const char kTracelogHelp[] =
    R"(Usage: tracelog [action] [options] | [-h | -help | -?]

Starts, changes and stops trace sessions, and chooses which providers write to
them. Actions and options come in any order and any case, with - or /.

Record
  -start NAME       start a session and enable its providers; also starts the
                    session host where none runs
  -stop NAME        write out what is buffered, close the log, end the session
  -x                stop all sessions, each after a question; -y answers yes

Change a running session
  -enable NAME      enable providers, or change how they are enabled
  -disable NAME     disable providers
  -capturestate NAME   ask its providers (or those of -guid) to log their state
  -update NAME      change the log file (-f), -rt, -max, -ft or kernel events
  -flush NAME       write out what is buffered; with -f FILE save what the
                    buffers of a -buffering session hold
  -recover [NAME]   after a crash of the session host: save what running programs
                    still hold of its sessions, to -f FILE or NAME.etl
  -incrementfile NAME  go on in the next file of a -newfile session

At the next boot
  -start GlobalLogger  write the configuration of a session that every boot from
                    the next one on starts; with the options of -start
  -addautologger NAME  the same for a session of any other name
  -remove GlobalLogger  start it no longer; of another session delete the file

Look
  -q NAME           show a session
  -l                show all sessions
  -enumguid         show the registered providers and who has them enabled
  -enumguidex [PROVIDER]   the same with processes and keywords
  -doctor           test what a capture needs, and say what to do where it fails
  A missing NAME stands for "NT Kernel Logger".

What to record (-start, -enable; -guid also -disable, -capturestate)
  -guid PROVIDER    what to enable; may be repeated:
                      GUID, {GUID} or '#GUID'    one provider
                      FILE                       a line for each provider:
                                                 GUID[;keyword[;level]]
                      NAME or '*NAME'            GUID made from a provider's name
                      Linux.SYSTEM               tracepoints of the kernel (root)
                      usdt:PATH:PROVIDER         probes of a program (root)
                    Quote # and *: a shell takes them for its own.
  -level N          record events up to this level: 1 critical, 2 error,
                    3 warning, 4 information, 5 verbose; 0 records all
  -matchanykw N     record events that have any of these keywords; 0 all events
  -matchallkw N     of those, only events that have all of these keywords
  -flag N           -matchanykw for 32 bits; where both are given that counts
  -timeout MS       wait so long for each provider to take it up (default 0)
  -enableproperty N more with each event: 1 user, 2 terminal session, 4 stack,
                    0x10 no events without keyword, 0x80 process start key,
                    0x100 event key, 0x200 no events written as in-private
  -sourceguid GUID  who enables; handed to the provider

Kernel events (-start, -update; as root)
  Without a name, -start begins "NT Kernel Logger": processes, threads, disks, TCP
  -noprocess, -nothread, -nodisk, -nonet   leave these out
  -img, -pf, -hf    mapped programs; page faults; faults that read a file
  -dpcisr           interrupts, context switches and mapped programs, no network
  -fio              names of files that are mapped or opened
  -eflag NAME+NAME  these instead; -eflag Help lists the names; -eflag N FLAGS...
                    the same as numbers. A session of any name can have them
  -systemlogger     a session of another name is one for kernel events
  -systemrundown NAME  tell such a session once more of all that runs
  -stackwalk EVENT+EVENT   a stack with each of these; -stackwalk Help lists them
  -ProfileSource SRC       take samples (PROFILE) by this; Help lists what there is
  -SetProfInt N SRC        samples so far apart: Timer in 100 ns, others in events
  -Pmc SRC,SRC:EVENT+EVENT     what was counted, with each of these events

Filter at the source (-start, -enable); a list begins with its length
  -ExeFilter 'A;B'  only programs of these names
  -PidFilter N PID...                   only these processes, 8 at most; of
                                        usdt: providers also -pids N PID...
  -EventIdFilter -in|-out N ID...       only, or all but, events of these ids
  -StackWalkFilter -in|-out N ID...     which events have a stack (with
                                        -enableproperty 4)

Where to (-start)
  -f FILE           log file (default LogFile.etl in this folder)
  -rt               to consumers, as tracefmt -rt; with -f also to the file
  -buffering        to memory only, newest events; -flush -f saves them
  -um               to a file, by the provider's own process; give -um with
                    -q, -stop, -flush and -update of the session too

Programs as they are (-start NAME -um; as root)
  -heap -pids N PID...      what these processes allocate and free, with stacks;
                            10 at most
  -critsec -pids N PID...   where their threads wait for a lock, and how long

Log file (-start)
  -seq MB           stop recording at this size
  -cir MB           begin again at this size: keeps the newest events
  -newfile MB       go on in a new file at this size; FILE has %d for its number
  -append           add to FILE; times are system time
  -prealloc         reserve the whole size at once (with -seq or -cir)
  -kb               sizes are KB

Buffers, order and clock (-start)
  -b KB             size of a buffer, 4 to 16384 (default 64)
  -min N, -max N    number of buffers over all processors
  -ft SECONDS       write out at least so often (default: when a buffer is full)
  -bt N             write out when N buffers are full
  -lowcapacity      one stream of buffers for all processors: keeps the order
  -paged, -independent   as every session here
  -ls, -gs          number messages, in the session or over all sessions
  -UsePerfCounter   time stamps are performance counts (default)
  -UseSystemTime    time stamps are system time
  -UseCPUCycle      time stamps are processor cycles

Who and how long (-start)
  -secure           only who may control the session may write to it
  -sessionguid GUID the session's own GUID
  -owner-pid PID    stop when this process ends
  -ttl TIME         stop after this time: seconds, or 90s, 10m, 2h

On Windows only
  -kd               to the kernel debugger as well; it has to be there
  -addtotriagedump  the buffers go into the dump of a crash, where there is room
  -hybridshutdown stop|persist   what becomes of the session at a shutdown that
                    the next start resumes from
  -QpcDelta         events tell how the clocks of host and container differ
  -cm               kernel events: changes of the registry
  -PkgIdFilter 'A;B', -PkgAppIdFilter 'A;B'   only programs of these packages,
                    only these apps in them

Output
  -lp               with -q and -l: also the enabled providers
  -json             print JSON

Numbers are decimal or hexadecimal (0x1f, ff). Sizes take K, M and G.

Examples
  tracelog -start MyTrace -guid MyCompany.MyComponent -level 5 -f my.etl
  tracelog -start MyTrace -guid providers.guid -f my.etl -cir 64 -ft 1
  tracelog -enable MyTrace -guid d58c126f-b309-11d1-969e-0000f875a5bc -level 4
  tracelog -start -f kernel.etl && make && tracelog -stop
  tracelog -q MyTrace -lp
  tracelog -stop MyTrace && tracefmt my.etl -displayonly

Exit status: 0 done, 1 failed, 2 usage, 3 stopped, but events were lost.
)";

}  // namespace etw::cli
