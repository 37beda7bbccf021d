// What a Windows executable says of its PDB. Layout: Microsoft, "PE Format".
#pragma once
#include "tmf/msf.h"
#include "tmf/pdb.h"

#include <string>

namespace etw::tmf {

struct PdbReference {
    std::string path;  // as the linker wrote it: often a path of the machine that built it
    PdbIdentity identity;
};

// Fails with kNotSupported where the file is no PE image, with kInvalidData where it is damaged,
// and with kFileNotFound where it names no PDB.
Result<PdbReference> read_pdb_reference(const ReadAt& read, uint64_t file_size);

}  // namespace etw::tmf
