// Trace message formats of Windows' PDB files. The compiler keeps what WPP's macros say of a
// message as an annotation: a record of strings beside the function that holds the call.
#pragma once
#include "tmf/msf.h"
#include "tmf/tmf_reader.h"

namespace etw::tmf {

// What ties a PDB to its image: the image's debug directory has both.
struct PdbIdentity {
    Guid guid;
    uint32_t age = 0;

    friend bool operator==(const PdbIdentity&, const PdbIdentity&) = default;
};

struct PdbMessages {
    MessageSet messages;               // empty: the program has no trace messages
    std::vector<SkippedLine> skipped;  // the line is the how manieth string of all annotations
    size_t damaged_modules = 0;        // whose symbols could not be read to their end
};

// Fails with kInvalidData where the file is no PDB.
Result<PdbIdentity> read_pdb_identity(MsfFile& file);
Result<PdbMessages> read_pdb_messages(MsfFile& file);

}  // namespace etw::tmf
