// kernel::Progress of a session, in a small shared mapping of a file in its state folder: what was
// stored there survives a killed host without any system call, as with the checkpoint.
#pragma once
#include "base/mapping.h"
#include "etw/result.h"
#include "kernel/progress.h"

#include <string>

namespace etw::host {

class KernelProgress {
public:
    // Goes on with what is there; else all is zero.
    static Result<KernelProgress> open(const std::string& state_folder);

    kernel::Progress& get() const noexcept { return memory_.as<kernel::Progress>(); }

private:
    explicit KernelProgress(Mapping memory) : memory_(std::move(memory)) {}
    Mapping memory_;
};

}  // namespace etw::host
