// What this machine has of the things that a capture needs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace etw::session {

enum class Verdict : uint8_t {
    kOk,
    kWarning,  // captures work, but slower or not for all that one would expect
    kFailure,
};

struct Finding {
    std::string subject;  // "runtime folder"
    Verdict verdict = Verdict::kOk;
    std::string text;                 // what is there
    std::string remedy;               // what to do, in one line; empty if kOk
    bool kernel_events_only = false;  // nothing else needs it
};

// Looks at each thing in turn, by trying it where that leaves nothing behind. Starts no host.
// Defined once per platform, like make_backend().
std::vector<Finding> diagnose();

}  // namespace etw::session
