// Rings that a program left in a session's state folder when it ended while no host lived; the
// program's side is provider/left_rings.cpp. Untrusted, as rings are.
#pragma once
#include "host/recording/checkpoint.h"
#include "ring/ring_set.h"

#include <string>
#include <vector>

namespace etw::host {

struct LeftRings {
    std::string path;
    FileIdentity rings;  // the memory file that the program had
    uint32_t blocks = 0;
};

std::vector<LeftRings> find_left_rings(const std::string& state_folder);

// A ring set of our own with the same contents. `geometry`: the session's, with that many blocks.
Result<ring::RingSet> read_left_rings(const std::string& path, const wire::RingGeometry& geometry);

}  // namespace etw::host
