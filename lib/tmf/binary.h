// Trace message formats of what compilers and linkers write.
#pragma once
#include "tmf/tmf_reader.h"

#include <string>

namespace etw::tmf {

struct BinaryMessages {
    MessageSet messages;  // empty: the program has no trace messages
    std::vector<SkippedLine> skipped;
    size_t damaged_parts = 0;  // that could not be read to their end
};

// A Windows PDB, or an ELF binary or its separate debug file: of a binary that has been stripped of
// its descriptions the debug file is looked for. kNotSupported where the file is of another kind;
// kInvalidData where it is damaged.
Result<BinaryMessages> read_binary(const std::string& path);

}  // namespace etw::tmf
