// Consumers of a session: how they come, and what becomes of them and of the delivery ring.
#include "base/unix_socket.h"
#include "etl/log_header.h"
#include "host/journal.h"
#include "host/session/session_manager.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>

namespace etw::host {

using session::ConsumeGrant;
using session::ConsumeRequest;
using session::Failure;
using session::Outcome;

namespace {

constexpr size_t kMaxConsumers = 64;  // of one session
// The backlog of a session without consumers, and what a slow one may be behind.
constexpr uint64_t kDefaultCapacity = uint64_t{4} << 20;
constexpr uint64_t kLargestCapacity = uint64_t{256} << 20;
constexpr uint64_t kBuffersInRing = 8;  // at least, of any size
// For the consumers of a killed host to come back.
constexpr std::chrono::seconds kReturnPatience{15};

// A socket that carries packets and tells when its other end is gone.
bool usable(const UniqueFd& socket) {
    int type = 0;
    int domain = 0;
    socklen_t size = sizeof(int);
    if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
    size = sizeof(int);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return false;
    return type == SOCK_SEQPACKET && domain == AF_UNIX;
}

Result<UniqueFd> duplicate(const UniqueFd& fd) {
    UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return Error{code_from_errno(errno), "consumer: dup", uint64_t(errno)};
    return copy;
}

Status send_memory(const UniqueFd& socket, const UniqueFd& ring, const UniqueFd& page) {
    constexpr std::byte kWelcome[1] = {};
    const int fds[] = {ring.get(), page.get()};
    // Not to wait for a socket that somebody filled beforehand.
    const int flags = ::fcntl(socket.get(), F_GETFL);
    if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
        return Error{code_from_errno(errno), "consumer: socket", uint64_t(errno)};
    }
    ETW_CHECK(send(socket.get(), kWelcome, fds));
    return Ok{};
}

std::string log_header_of(const SavedSession& saved) {
    const auto header = etl::build_header_buffer(log_info(saved, saved.properties.log_file));
    return {reinterpret_cast<const char*>(header.data()), header.size()};
}

}  // namespace

uint64_t delivery_capacity(const SavedSession& saved) {
    const uint64_t block = saved.geometry.block_size;
    const uint64_t wanted = 4 * block * saved.properties.maximum_buffers;
    return std::bit_ceil(
        std::max(std::clamp(wanted, kDefaultCapacity, kLargestCapacity), kBuffersInRing * block));
}

Outcome<Ok> SessionManager::ensure_feed(Session& session) {
    if (session.has_feed) return Ok{};
    auto ring = DeliveryRing::create(delivery_capacity(session.saved));
    if (!ring) return failure_of(ring.error(), session.saved.properties.name);
    keeper_.store(session.kept_feed(), ring->fd());
    session.has_feed = true;
    const auto made = std::make_shared<DeliveryRing>(std::move(*ring));
    session.thread->post(
        [made](SessionThread& thread) { thread.drain().start_feed(std::move(*made)); });
    return Ok{};
}

// Consumers end with what they were delivered. One of them that was hardly there yet, too.
void SessionManager::cut_off(Session& session) {
    if (!session.has_feed) return;
    session.has_feed = false;
    forget_consumers(session);
    keeper_.remove(session.kept_feed());
    session.thread->post(
        [](SessionThread& thread) { thread.drain().end_feed(wire::DeliveryState::kCutOff); });
}

void SessionManager::forget_consumers(Session& session) {
    for (const auto& [id, socket] : session.consumers) loop_.forget(socket.get());
    session.consumers.clear();
}

void SessionManager::consume(const ConsumeRequest& request, ForeignFds fds,
                             Answer<ConsumeGrant> answer) {
    const auto found = running(request.name);
    if (!found) return answer(found.error());
    Session& session = **found;
    const wire::SessionKey key = session.saved.key;
    if (request.epoch != 0 && request.epoch != key.epoch) {
        return answer(Failure{Code::kSessionNotFound,
                              "the session has ended; another one has its "
                              "name"});
    }
    if ((session.saved.properties.log_file_mode & kModeBuffering) != 0) {
        return answer(Failure{Code::kNotSupported,
                              "a buffered session keeps its events until they are saved: "
                              "tracelog -flush NAME -f FILE"});
    }
    if (session.consumers.size() >= kMaxConsumers) {
        return answer(Failure{Code::kNoSystemResources,
                              fmt::format("'{}' has {} consumers", request.name, kMaxConsumers)});
    }
    if (fds.empty() || !usable(fds[0].fd())) {
        return answer(Failure{Code::kInvalidParameter, "the request came without a socket"});
    }
    auto page = ConsumerPageMapping::create();
    auto copy = duplicate(fds[0].fd());
    if (!page || !copy) {
        return answer(failure_of(page ? copy.error() : page.error(), request.name));
    }
    if (const auto ready = ensure_feed(session); !ready) return answer(ready.error());
    const uint64_t id = ++last_consumer_;
    const auto watched = loop_.watch(fds[0].get(), 0, [this, key, id](uint32_t) {
        if (Session* left = find(key)) consumer_left(*left, id);
    });
    if (!watched) {
        drop_unused_feed(session);
        return answer(failure_of(watched.error(), request.name));
    }
    answer = in_time<ConsumeGrant>(session, session.thread->snapshot().path, answer);
    session.consumers[id] = fds[0].take();  // it is a socket
    const auto end = std::make_shared<ConsumerEnd>(
        ConsumerEnd{id, std::move(*copy), std::move(*page), request.epoch != 0, request.ring,
                    request.position, request.number});
    auto header = std::make_shared<std::string>(log_header_of(session.saved));
    session.thread->post([this, key, end, header, answer, id](SessionThread& thread) {
        const auto joined = join(thread, *end);
        loop_.post([this, key, header, answer, id, joined] {
            if (joined) {
                ConsumeGrant grant = *joined;
                grant.epoch = key.epoch;
                grant.log_header = std::move(*header);
                return answer(std::move(grant));
            }
            if (Session* left = find(key)) consumer_left(*left, id);
            answer(failure_of(joined.error(), "consumer"));
        });
    });
}

// On the session's thread.
Result<ConsumeGrant> SessionManager::join(SessionThread& thread, ConsumerEnd& end) {
    Drain& drain = thread.drain();
    if (!drain.has_feed()) return Error{Code::kSessionNotFound, "cut off meanwhile"};
    ConsumeGrant grant;
    grant.ring = drain.delivery_ring().id();
    grant.capacity = drain.delivery_ring().capacity();
    ETW_TRY(const UniqueFd ring, drain.delivery_ring().read_only());
    ETW_CHECK(send_memory(end.socket, ring, end.page.fd()));
    grant.number = drain.add_consumer(std::move(end));
    thread.deliver_soon();
    return grant;
}

void SessionManager::consumer_left(Session& session, uint64_t id) {
    const auto socket = session.consumers.extract(id);
    if (socket.empty()) return;
    loop_.forget(socket.mapped().get());
    session.thread->post([id](SessionThread& thread) { thread.drain().remove_consumer(id); });
    drop_unused_feed(session);
}

// A session that is only being watched needs no backlog.
void SessionManager::drop_unused_feed(Session& session) {
    if (!session.saved.is_real_time() && session.consumers.empty() &&
        session.state == Session::State::kRunning) {
        cut_off(session);
    }
}

// The ring that a killed host's consumers have, or another one where nobody kept it.
Status SessionManager::recover_feed(Session& session, Drain& drain, KeptDescriptors& kept) {
    const DeliveryProgress& at = drain.progress().delivery;
    if (at.ring == 0 && !session.saved.is_real_time()) return Ok{};
    session.has_feed = true;
    if (auto fd = kept.extract(session.kept_feed()); !fd.empty()) {
        auto ring = DeliveryRing::adopt(std::move(fd.mapped()), at);
        if (ring) {
            drain.start_feed(std::move(*ring));
            return Ok{};
        }
        journal("kept delivery ring: dropped", ring.error());
    }
    ETW_TRY(auto ring, DeliveryRing::create(delivery_capacity(session.saved)));
    keeper_.store(session.kept_feed(), ring.fd());
    drain.start_feed(std::move(ring));
    return Ok{};
}

void SessionManager::await_consumers(const Session& session) {
    loop_.after(kReturnPatience, [this, key = session.saved.key] {
        if (Session* waiting = find(key)) drop_unused_feed(*waiting);
    });
}

}  // namespace etw::host
