// The folder where the host's sockets, its lock and the saved state of its sessions live.
#pragma once
#include "base/hung_process.h"
#include "base/unique_fd.h"
#include "etw/result.h"

#include <optional>
#include <string>

namespace etw::host {

class RuntimeFolder {
public:
    // Creates the folder where it does not exist: 0755 for root, else 0700. Refuses what somebody
    // else could have prepared: a symbolic link, another owner, a folder that others may write.
    static Result<RuntimeFolder> open(const std::string& path);

    // One host a folder. kBusy: another one has it. The descriptor holds the lock; every process
    // that inherits it holds it too.
    Result<UniqueFd> lock() const;
    // The worker of a host that was killed, where that alone has the lock: as long as a call of its
    // hangs in a file system.
    std::optional<HungProcess> hung_host() const;
    // Leaves such a process the lock that it has, on a file that nobody finds any more.
    Status put_lock_out_of_its_way() const;

    const std::string& path() const noexcept { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    std::string sessions_folder() const { return file("sessions"); }

private:
    explicit RuntimeFolder(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

}  // namespace etw::host
