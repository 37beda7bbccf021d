// What is left of a process that was killed while a call of its hangs in a file system: the kernel
// ends it when that answers. Until then it has all descriptors that it had, with their locks and
// connections. Of Linux.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

namespace etw {

// As the kernel names the processes of a session host.
constexpr char kHostProgram[] = "etwd";

struct HungProcess {
    pid_t pid = 0;
    pid_t thread = 0;  // that hangs; it will not run any more
    std::string file;  // in which; empty: it cannot be told
};

// Whether its main thread runs its program no more: it is gone, or ending, which may hang as it
// closes its files.
bool has_ended(pid_t pid);
// What is left of a process that has ended; nothing where it is gone. It may be gone in a moment.
std::optional<HungProcess> find_hung(pid_t pid);
// Such a process of a session host that has the file of this path open, where none that lives has
// it open, too. Of one that is closing its files, whose list is gone already, it is taken for
// granted.
std::optional<HungProcess> find_hung_holder(const std::string& path);

// "process 123, which was killed and hangs in /mnt/log.etl".
std::string to_string(const HungProcess& process);

}  // namespace etw
