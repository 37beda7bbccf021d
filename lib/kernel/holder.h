// Keeps what records events in the kernel (programs, their maps, the rings that they write to) open
// beyond the end of this process, so that a successor goes on with what was recorded meanwhile.
#pragma once
#include "base/unique_fd.h"

#include <cstddef>
#include <map>
#include <string>

namespace etw::kernel {

// The parts of one thing that records, by name.
using HeldParts = std::map<std::string, UniqueFd>;

class Holder {
public:
    virtual ~Holder() = default;
    // One of the parts of `what`, until that is let go. `mapped`: bytes at the beginning that are
    // to stay mapped, too.
    virtual void hold(const std::string& what, const std::string& part, const UniqueFd& fd,
                      size_t mapped = 0) = 0;
    // All its parts, some time soon.
    virtual void let_go(const std::string& what) = 0;
    // What was let go of is with nobody else any more, on return, unless that takes seconds.
    virtual void settle() = 0;
    virtual void let_go_all() = 0;
    // What a predecessor had held under this name; once. Empty: nothing.
    virtual HeldParts take_left(const std::string& what) = 0;
    // Lets go of what a predecessor had held and was not taken.
    virtual void drop_left() = 0;
    // How many things hold() was called for: they record since, and not for a predecessor.
    virtual size_t begun() const = 0;
};

}  // namespace etw::kernel
