// Which of the processors that a machine may have do run: some are switched off, or are to come
// yet.
#pragma once
#include "base/unique_fd.h"

#include <cstdint>

namespace etw::kernel {

bool runs(uint32_t cpu);

// Perf has nothing of a processor that begins to run, and nothing more of one that was away.
class ProcessorWatch {
public:
    ProcessorWatch();
    int fd() const noexcept { return told_.get(); }  // ready when one begins or ends
    // Whether any has begun since the last call.
    bool take_begun() const;

private:
    UniqueFd told_;  // none where the kernel refuses it
};

}  // namespace etw::kernel
