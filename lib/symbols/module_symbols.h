// The functions of one program or library, from the file that was mapped or its separate debug
// file. Files are untrusted: what cannot be read has no names.
#pragma once
#include "decode/image_table.h"
#include "tmf/elf_symbols.h"

#include <optional>
#include <string>
#include <vector>

namespace etw::symbols {

class ModuleSymbols {
public:
    // Looks for the file in `folders` (below them by its path, then by its name), then where the
    // log says that it was; for its debug file by build id and debug link there and where debuggers
    // look. A file with another build id than the log tells is another file.
    static ModuleSymbols load(const decode::Module& module,
                              const std::vector<std::string>& folders);

    // "write+0x17" of an offset in the file; empty: not known. C++ names are demangled.
    std::string name(uint64_t offset) const;

private:
    std::vector<tmf::ElfFile::LoadedPart> parts_;
    tmf::ElfSymbols symbols_;
};

// "std::vector<int>::push_back(int)" of what the linker calls it; other names as they are.
std::string demangled(std::string_view name);

}  // namespace etw::symbols
