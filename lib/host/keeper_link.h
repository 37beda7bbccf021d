// What the worker and its keeper say to each other over a SOCK_SEQPACKET pair: the worker gives
// descriptors away under names and gets them back when it starts again.
//
//   worker                       keeper
//                       <-       kStore name + fd, for each that is kept
//                       <-       kEnd
//   kStore name + fd    ->       kept until removed; replaces one of the same name
//   kRemove name        ->
//   kReady              ->       the host listens
//
// The worker has a copy of all that it has stored: when the keeper dies it starts another one and
// hands the copies over.
#pragma once
#include "base/unique_fd.h"
#include "etw/bytes.h"

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace etw::host {

enum class KeeperOp : uint32_t { kStore = 1, kRemove, kReady, kEnd };

struct KeeperPacket {
    static constexpr size_t kMaxName = 120;
    KeeperOp op;
    char name[kMaxName];  // NUL-terminated
};

using KeptDescriptors = std::map<std::string, UniqueFd>;

Status send_to_peer(int socket, KeeperOp op, std::string_view name, int fd = -1);

struct KeeperMessage {
    KeeperOp op;
    std::string name;
    UniqueFd fd;
};
// kNoMoreItems: the other end is gone.
Result<KeeperMessage> receive_from_peer(int socket);

// The worker's end. Its calls may come from any thread. Without a keeper (it died, or a test has
// none) they do nothing: then the rings live on in the providers alone.
class KeeperLink {
public:
    KeeperLink() = default;
    explicit KeeperLink(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

    // What a predecessor left; call once, first.
    Result<KeptDescriptors> fetch();
    // When it returns, the descriptor survives this process.
    void store(const std::string& name, const UniqueFd& fd) const;
    void remove(const std::string& name) const;
    void ready() const;

    // The keeper has died: starts another one (`arguments` is its command line) and hands over.
    // It waits for the end of this process, which is due now, and then starts a successor.
    Status start_another(std::vector<std::string> arguments) const;

    int socket() const noexcept { return socket_.get(); }

private:
    void remember(const std::string& name, const UniqueFd& fd) const;
    void tell(KeeperOp op, const std::string& name, int fd) const;
    UniqueFd socket_;
    mutable std::mutex mutex_;
    mutable KeptDescriptors copies_;  // guarded by mutex_
};

}  // namespace etw::host
