// Build ids: what tells one build of a program from another.
#pragma once
#include "etw/bytes.h"

#include <vector>

namespace etw {

using BuildId = std::vector<std::byte>;  // empty: there is none, or it is not known

// The one among the notes of an ELF file, as its segments and sections have them, and
// /sys/kernel/notes.
BuildId build_id_of_notes(Bytes notes);

}  // namespace etw
