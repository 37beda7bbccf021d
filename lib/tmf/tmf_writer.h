// Writes what tracepdb writes: TMF, TMC and MOF files. Lines end in a line feed.
#pragma once
#include "tmf/message_set.h"

#include <span>
#include <string>
#include <string_view>

namespace etw::tmf {

// Where descriptions came from; it goes into the comments at the head of a file.
struct Origin {
    std::string file;     // name of the PDB or binary, as it is to be shown
    int64_t updated = 0;  // when that was written, FILETIME
    std::string_view tool = "tracepdb";
};

// The comments, then a block for each message GUID, or for `only` alone. read_tmf gives the same
// messages back.
std::string tmf_text(const Origin& origin, const MessageSet& messages, const Guid* only = nullptr);

// Control GUID and name, then a flag a line, the first being bit 0.
std::string tmc_text(const Origin& origin, const ControlGuid& control);

// A class for each control GUID, with the values of Flags and Level.
std::string mof_text(const Origin& origin, std::span<const ControlGuid> controls);

}  // namespace etw::tmf
