// kernel::Progress of a session, in a small shared mapping of a file in its state folder: what was
// stored there survives a killed host without any system call, as with the checkpoint.
#pragma once
#include "etw/result.h"
#include "kernel/progress.h"

#include <memory>
#include <string>

namespace etw::host {

class KernelProgress {
public:
    // Goes on with what is there; else all is zero.
    static Result<KernelProgress> open(const std::string& state_folder);

    kernel::Progress& get() const noexcept { return *memory_; }

private:
    struct Unmap {
        void operator()(kernel::Progress* memory) const noexcept;
    };
    explicit KernelProgress(kernel::Progress* memory) : memory_(memory) {}
    std::unique_ptr<kernel::Progress, Unmap> memory_;
};

}  // namespace etw::host
