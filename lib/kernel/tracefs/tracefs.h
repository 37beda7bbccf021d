// The kernel's tracing file system and an instance of our own in it: a ring buffer with events of
// its own, which disturbs no other tracer and which none disturbs.
#pragma once
#include "base/unique_fd.h"
#include "etw/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace etw::kernel {

// The folder where tracefs is mounted; mounts it at /sys/kernel/tracing where it is not. Fails with
// kAccessDenied without the rights, kNotSupported where the kernel has none.
Result<std::string> tracefs_folder();

// Whether sessions can have kernel events here: kAccessDenied, kNotSupported.
Status check_tracefs();

// A file below `folder`, whole; they are small.
Result<std::string> read_text(const std::string& path);
Status write_text(const std::string& path, std::string_view text);

class Instance {
public:
    // Creates `name`, or goes on with the one that is there.
    static Result<Instance> open(const std::string& tracefs, const std::string& name);

    const std::string& folder() const noexcept { return folder_; }
    std::string name() const { return folder_.substr(folder_.rfind('/') + 1); }
    bool is_new() const noexcept { return is_new_; }  // it was not there before
    Status set(std::string_view file, std::string_view value) const;
    // trace_pipe_raw of one CPU, without blocking. An instance with one open cannot be removed.
    Result<UniqueFd> open_pipe(uint32_t cpu) const;
    // Events that the kernel could not record on this CPU, since the instance was made.
    uint64_t lost(uint32_t cpu) const;
    // Events of this CPU that it has handed over.
    uint64_t handed_over(uint32_t cpu) const;
    // Fails while anybody reads from it.
    Status remove() const;

private:
    Instance(std::string folder, bool is_new) : folder_(std::move(folder)), is_new_(is_new) {}
    std::string folder_;
    bool is_new_ = false;
};

// Names of our instances: etw-<pid of who has them made>-<number of the session, hexadecimal>.
// The name of the session's instance, or of the one that a predecessor made for it.
std::string instance_name(const std::string& tracefs, uint64_t session);
// Removes what hosts that were killed have left: instances whose maker is gone, or is our own
// keeper, and that nobody reads from, and probes that nobody uses. To be called when the sessions
// that go on are read from, and before others start. Does nothing where there is no tracefs.
void remove_unused_instances();

}  // namespace etw::kernel
