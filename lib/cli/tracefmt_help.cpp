#include "cli/tracefmt.h"

namespace etw::cli {

const char kTracefmtHelp[] =
    R"(Usage: tracefmt [EtlFile... | -rt [Session]] [options]
       tracefmt -h

Formats the events of trace logs, or of a running session as they come, as
text, one line an event, in order of time; or as CSV, JSON lines or XML.

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

Names of addresses (stacks, samples) by module, function and offset, where the
log says what was mapped:
  -symbols Dir[;Dir] Where programs and debug files are looked for first, by
                     path, name, build id and debug link.
  -nosymbols         Numbers only.

Output:
  -o File            Text file; its summary is File.sum. - is standard output
                     (no summary). Default: FmtFile.txt and FmtSum.txt.
  -display           To standard output as well.
  -displayonly       To standard output instead of a text file.
  -nosummary         No summary file.
  -summaryonly       The summary file only, with -o - on standard output. With
                     -json it is a JSON document.

Format:
  -csv               Values separated by commas: columns of the event's header,
                     then the line as it would be without -csv.
  -csvheader         With a heading row.
  -csvquote          Every column in quotes, not only those that need them.
  -json              JSON lines: one object an event, times in UTC.
  -jsonMeta Hex      What the objects hold beside the fields, the sum of:
                     provider 1, event 2, time 4, cpu 8, pid 10, tid 20, id 40,
                     version 80, channel 100, level 200, opcode 400, task 800,
                     keywords 1000, tags 2000, activity 4000, related 8000,
                     ktime 10000, utime 20000, ptime 40000. Default: ff3f.
                     An event without a name has id and version in its place.
  -preferJson        Text lines, but what has fields as such an object.
  -xml               An XML document as tracerpt writes it, times in UTC.
  -cp Encoding       utf8 (default), utf16 or ansi (Windows-1252).
  -skipNoFormat      Without the events that nothing describes.

Prefix and times:
  -noprefix          Without [cpu]pid.tid::time [provider].
  -seq               With the sequence number behind the time, 8 hex digits.
  -hires             Times with 7 digits of the second instead of 3.
  -utc, -gmt         Times in UTC, not in the local time zone.
  -timeZoneSuffix    The zone behind each time: Z, +02:00.
  -sortableTime      2003-10-23T12:27:40.173 instead of 10/23/2003-12:27:40.173.
  -noFileTimeUtc     Times among the fields (FILETIME) in local time.

Reports:
  -v                 A line for each buffer of the logs.
  -trace             What the tool does, on standard error.

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

Environment: TRACE_FORMAT_PREFIX is the prefix, by default
  [%9!d!]%8!04X!.%3!04X!::%4!s! [%1!s!]
%1 component or provider, %2 source file and line or event name, %3 thread,
%4 time, %5 kernel time, %6 user time, %7 sequence number, %8 process, %9 CPU,
%!FUNC! %!LEVEL! %!FLAGS! %!COMPNAME! %!SUBCOMP!, %% a percent sign; between
exclamation marks a conversion of printf.

Exit status: 0 done; 1 failed; 2 usage; 3 done, but the log has lost events or
damaged buffers, or tracefmt came too late for some of a session's buffers;
130 interrupted (Ctrl+C), the output whole up to there.
)";

}  // namespace etw::cli
