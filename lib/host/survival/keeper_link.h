// What the worker and its keeper say to each other over a SOCK_SEQPACKET pair: the worker gives
// descriptors away under names and gets them back when it starts again.
//
//   worker                       keeper
//                       <-       kStore name + fd, for each that is kept
//                       <-       kEnd
//   kStore name + fd    ->       kept until removed; replaces one of the same name
//   kRemove name        ->
//   kReady              ->       the host listens
//   kSettle + fd        ->       closed when all before has been done
//   kLeaving            ->       what ends now ends properly: no other worker is to be started
//   kEnd                ->       everything has been handed over, to another keeper:
//                       <-       kEnd, when it has it all
//
// The worker has a copy of all that it has stored: when the keeper dies it starts another one and
// hands the copies over.
//
// Some descriptors are kept with memory mapped from them (`mapped` bytes at the beginning): the
// ring of an event of perf goes with the last mapping of it, whoever has the event open.
#pragma once
#include "base/unique_fd.h"
#include "etw/bytes.h"

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace etw::host {

enum class KeeperOp : uint32_t { kStore = 1, kRemove, kReady, kEnd, kSettle, kLeaving };

struct KeeperPacket {
    static constexpr size_t kMaxName = 120;
    KeeperOp op;
    char name[kMaxName];  // NUL-terminated
    uint64_t mapped;
};

using KeptDescriptors = std::map<std::string, UniqueFd>;

Status send_to_peer(int socket, KeeperOp op, std::string_view name, int fd = -1,
                    uint64_t mapped = 0);

struct KeeperMessage {
    KeeperOp op;
    std::string name;
    UniqueFd fd;
    uint64_t mapped;
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
    // When it returns, the descriptor survives this process; what is mapped of it, a moment later.
    void store(const std::string& name, const UniqueFd& fd, uint64_t mapped = 0) const;
    // The same for a file of any file system, in an envelope (envelope.h): the keeper and the end
    // of this process are not to wait for it.
    void store_file(const std::string& name, const UniqueFd& file) const;
    void remove(const std::string& name) const;
    // All whose names begin so.
    void remove_all(const std::string& beginning) const;
    void ready() const;
    void leaving() const;
    // Waits until the keeper has done all of it so far; not for one that does nothing for seconds.
    void settle() const;

    // The keeper has died: starts another one (`arguments` is its command line) and hands over.
    // It waits for the end of this process, which is due now, and then starts a successor.
    Status start_another(std::vector<std::string> arguments) const;

    int socket() const noexcept { return socket_.get(); }

private:
    struct Copy {
        UniqueFd fd;
        uint64_t mapped;
    };
    void remember(const std::string& name, const UniqueFd& fd, uint64_t mapped) const;
    void tell(KeeperOp op, const std::string& name, int fd, uint64_t mapped = 0) const;
    Status hand_over(int socket) const;
    UniqueFd socket_;
    mutable std::mutex mutex_;
    mutable std::map<std::string, Copy> copies_;  // guarded by mutex_
};

}  // namespace etw::host
