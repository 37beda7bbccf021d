// Trace message formats of our own binaries: what etw/trace_message.h leaves in the section
// .etw.messages of an executable, a shared library, an object file or a separate debug file. The
// section's layout is in docs/trace-messages.md.
#pragma once
#include "tmf/elf_file.h"
#include "tmf/message_set.h"

#include <optional>

namespace etw::tmf {

struct ElfMessages {
    MessageSet messages;         // empty: the file has none
    size_t damaged_entries = 0;  // that could not be read, or are of a later version
};

// Fails as ElfFile's functions do.
Result<ElfMessages> read_elf_messages(const ElfFile& file);

// Where the debug information of the binary at `path` may be, best first: by its build id in
// /usr/lib/debug, then what .gnu_debuglink names, beside it, in .debug beside it and in
// /usr/lib/debug. Nothing says that these files exist.
std::vector<std::string> debug_file_candidates(const ElfFile& file, const std::string& path);

// C string literals as they stand in a source, one or several in a row, as the text that they
// mean. Nothing: they are none.
std::optional<std::string> unquote(std::string_view source);

}  // namespace etw::tmf
