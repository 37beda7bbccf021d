// Probes in programs and libraries, and in the kernel: dynamic tracepoints of one session, in a
// group of its own. The kernel keeps them until they are removed, whoever defined them; a group
// names its maker, so that what a killed host left can be told from what is in use.
#pragma once
#include "etw/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace etw::kernel {

// One event, of whichever of its places is come by: the kernel takes those of an event out
// together, and waits for all processors once.
struct Probe {
    std::string event;  // an identifier, of no other of the group
    // "/bin/a:0x40 arg1=%di:u64", "filemap_fault arg1=$arg1:u64"; the kernel's trace/uprobetracer
    // and trace/kprobetrace. The names and types of what is
    // fetched are those of every other place's.
    std::vector<std::string> places;
};

// Which of the kernel's lists they stand in.
enum class ProbesIn : uint8_t { kPrograms, kKernel };

class ProbeGroup {
public:
    ProbeGroup(const std::string& tracefs, std::string name, ProbesIn where = ProbesIn::kPrograms);

    const std::string& name() const noexcept { return name_; }
    // Those that are there already, of a predecessor, stay as they are; one that has others of its
    // places than these has another name. Fails with kNotSupported where the kernel knows no such
    // probes. On failure some of `probes` may be there.
    Status define(const std::vector<Probe>& probes);
    // Removes the others; nothing may have them enabled. What is in use stays.
    void keep_only(const std::vector<Probe>& probes);

private:
    std::string list_;  // the file
    std::string name_;
};

// "etw_<maker>_<session>": of the instance "etw-<maker>-<session>".
std::string group_name(const std::string& instance);
bool is_our_group(std::string_view system);
// Those of makers that are gone and whose instance is, too: a successor that has it may be about to
// use them.
void remove_unused_probes(const std::string& tracefs);

}  // namespace etw::kernel
