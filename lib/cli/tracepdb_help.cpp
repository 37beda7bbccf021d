#include "cli/tracepdb.h"

namespace etw::cli {

const char kTracepdbHelp[] =
    R"(Usage: tracepdb [-f PDBs] [-s] [-p Folder] [options]
       tracepdb -i Images [-r Paths] [-p Folder] [options]
       tracepdb -h

Writes trace message format (TMF) files, one for each message GUID, from what
compilers left in PDB files, or in binaries of Linux and their debug files.

Sources:
  -f Files           PDB files, binaries or debug files; * and ? may stand in
                     the name, several are separated by semicolons. A folder
                     stands for *.pdb in it. Default: *.pdb in the current
                     folder.
  -s                 Looks for the names of -f in the folders below, too.
  -i Images          Executables, libraries, drivers: finds the PDB of each;
                     binaries of Linux are read themselves.
  -r Paths           Where PDBs are: folders and symbol stores (srv*Folder)
                     separated by semicolons. Default: _NT_SYMBOL_PATH; then
                     the image's own folder.

Output:
  -p Folder          Where the files are written, made if it is not there.
                     Default: the current folder.
  -o File            One TMF file of all messages instead.
  -c                 Also a TMC file for each control GUID, with its flags.
  -v                 What is searched and found.
  -json              One JSON document on standard output.

  -h, -help, -?      This text.

MODULE.mof, with the control GUIDs, their flags and levels, is always written.
Options may also be written /option, in any case.

Exit status: 0 done, also where nothing was found; 1 failed; 2 usage.
)";

}  // namespace etw::cli
