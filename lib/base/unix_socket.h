// Unix sockets with descriptors and credentials on them; of Linux.
#pragma once
#include "base/unique_fd.h"
#include "etw/bytes.h"

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

namespace etw {

struct PeerCredentials {
    pid_t pid = 0;  // 0: the peer lives in a pid namespace that this one does not see
    uid_t uid = 0;
    gid_t gid = 0;
};

Result<PeerCredentials> peer_credentials(int socket);

struct Received {
    size_t size = 0;         // 0: nothing more will come
    bool truncated = false;  // a packet (or its descriptors) was longer than what was offered
};

// One recvmsg. Descriptors that came along are appended to `fds` (close-on-exec). kBusy: nothing
// there now.
Result<Received> receive(int socket, std::span<std::byte> buffer, std::vector<UniqueFd>& fds);

// One sendmsg with up to 4 descriptors; never raises SIGPIPE, never blocks on a non-blocking
// socket. Returns the bytes taken. kBusy: no room now.
Result<size_t> send(int socket, Bytes bytes, std::span<const int> fds = {});

// A listening socket at `path` (an old one there is removed), non-blocking. `type`: SOCK_*.
Result<UniqueFd> listen_at(const std::string& path, int type);
// A connection to `path`, blocking.
Result<UniqueFd> connect_to(const std::string& path, int type);

}  // namespace etw
