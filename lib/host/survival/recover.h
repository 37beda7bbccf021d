// etwd --recover: saves what is left of the sessions of a host that is gone. The rings outlive it
// in the processes that wrote to them, and say of themselves what a log of them needs. Changes
// nothing: not the rings, and not what a next host would go on with.
#pragma once
#include <string>

namespace etw::host {

struct RecoverOptions {
    std::string session;  // only this one; empty: all
    std::string folder;   // only those of the host that had this runtime folder; empty: any
    std::string file;     // empty: <session>.etl in the current folder, which must not exist
};

// Prints a line for each session on standard output, fields between tabs:
//   code   file   session   bytes of records   buffers   what is wrong (code other than 0)
// Returns 0 once it has looked, whatever it found.
int run_recovery(const RecoverOptions& options);

}  // namespace etw::host
