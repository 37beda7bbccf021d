#include "backend_linux/consumer.h"

#include "base/runtime_folder.h"
#include "base/unix_socket.h"
#include "etl/log_header.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace etw::backend_linux {

using session::ConsumeGrant;
using session::ConsumeRequest;
using session::Failure;
using session::Outcome;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

// For a successor of a killed host to come up.
constexpr std::chrono::seconds kHostPatience{15};
constexpr milliseconds kHostPause{10};

// The packet with the ring and the page.
Result<std::array<UniqueFd, 2>> receive_memory(int socket) {
    std::byte byte{};
    std::vector<UniqueFd> fds;
    ETW_CHECK(receive(socket, {&byte, 1}, fds));
    if (fds.size() != 2) return Error{Code::kInvalidData, "consumer: no memory came"};
    return std::array{std::move(fds[0]), std::move(fds[1])};
}

// Memory that the host handed over. kInvalidData unless it is a memory file of exactly this size
// that nobody can make shorter.
Result<Mapping> map(const UniqueFd& fd, uint64_t size, bool writable) {
    struct stat st {};
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(fd.get(), &st) != 0 ||
        uint64_t(st.st_size) != size) {
        return Error{Code::kInvalidData, "consumer: shared memory", size};
    }
    return Mapping::of(fd, size, "consumer: mmap", writable);
}

}  // namespace

// --- connecting ------------------------------------------------------------------------------

Consumer::Consumer(std::string name, HostLauncher host)
    : name_(std::move(name)),
      backend_(std::move(host)),
      interrupt_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Outcome<std::unique_ptr<session::Consumer>> Consumer::open(const std::string& name,
                                                           HostLauncher host) {
    auto consumer = std::unique_ptr<Consumer>(new Consumer(name, std::move(host)));
    ETW_CHECK(consumer->connect());
    return std::unique_ptr<session::Consumer>(std::move(consumer));
}

Outcome<Ok> Consumer::connect() {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        return Failure{code_from_errno(errno), "cannot make a socket"};
    }
    socket_.reset(pair[0]);
    const UniqueFd theirs(pair[1]);
    ConsumeRequest request{name_};
    if (reader_) {
        request.epoch = epoch_;
        request.ring = reader_->id();
        request.position = reader_->position();
        request.number = reader_->number();
    }
    ETW_TRY(const ConsumeGrant grant, backend_.consume(request, theirs.get()));
    if (const auto done = take_over(grant); !done) {
        return Failure{done.error().code, std::string("consumer: ") + done.error().what};
    }
    host_gone_ = false;
    return Ok{};
}

Status Consumer::take_over(const ConsumeGrant& grant) {
    const Bytes log_header = std::as_bytes(std::span(grant.log_header));
    if (log_header.size() < sizeof(wire::BufferHeader) ||
        grant.capacity > wire::kMaxDeliveryCapacity) {
        return Error{Code::kInvalidData, "consumer: grant"};
    }
    ETW_TRY(auto header, etl::parse_log_header(log_header.subspan(sizeof(wire::BufferHeader))));
    ETW_TRY(const auto memory, receive_memory(socket_.get()));
    ETW_TRY(Mapping ring, map(memory[0], wire::kDeliveryHeaderSize + grant.capacity, false));
    ETW_TRY(Mapping page, map(memory[1], wire::kConsumerPageSize, true));
    const uint64_t number = reader_ ? std::max(reader_->number(), grant.number) : grant.number;
    ETW_TRY(auto reader, DeliveryReader::over(Bytes(ring.get(), ring.size()),
                                              page.as<wire::ConsumerPage>(), grant.ring, number));
    if (reader_) {
        lost_before_ += reader_->lost() + (number - reader_->number());
    } else {
        // Of the session, which is the same after its host was killed: other threads may be reading
        // them by then.
        header_ = std::move(header);
        time_ = etl::TimeConverter(header_);
        merge_.set_start(header_.start_raw);
        epoch_ = grant.epoch;
    }
    reader_.emplace(reader);
    ring_ = std::move(ring);
    page_ = std::move(page);
    return Ok{};
}

// The host was killed, or restarted. Its successor has the session, or the session has ended.
void Consumer::reconnect() {
    const auto end = Clock::now() + kHostPatience;
    while (!interrupted_) {
        const auto done = connect();
        if (done) return;
        const bool over = done.error().code == Code::kSessionNotFound || Clock::now() > end;
        if (over) {
            ended_ = true;
            return;
        }
        pollfd poll{interrupt_.get(), POLLIN, 0};
        ::poll(&poll, 1, int(kHostPause.count()));
    }
}

// --- reading ---------------------------------------------------------------------------------

// Takes what the ring holds now. True: next() may have something.
bool Consumer::pump() {
    const wire::DeliveryHeader& header = reader_->header();
    // In this order: what these say is true of all that stands below a head that is read later.
    const bool over = header.state.load(std::memory_order_acquire) != wire::DeliveryState::kRunning;
    const int64_t until = header.complete_until.load(std::memory_order_acquire);
    const uint64_t head = header.head.load(std::memory_order_acquire);
    bool any = false;
    while (reader_->position() < head) {
        etl::LiveMerge::Buffer buffer;
        const auto got = reader_->take(buffer);
        if (got == DeliveryReader::Got::kNothing) break;
        if (got == DeliveryReader::Got::kDamaged) {
            ended_ = true;
            break;
        }
        ++buffers_;
        merge_.add(std::move(buffer));
        any = true;
    }
    if (until > until_ && reader_->position() >= head) {
        until_ = until;
        merge_.complete_until(until);
        any = true;
    }
    if (over) ended_ = true;
    if (ended_) merge_.complete_until(std::numeric_limits<int64_t>::max());
    return any || over;
}

Consumer::Next Consumer::next(etl::Record& record, milliseconds patience) {
    const auto end = Clock::now() + patience;
    for (;;) {
        if (interrupted_) return Next::kEnded;
        if (merge_.next(record)) return Next::kRecord;
        if (ended_) return Next::kEnded;
        if (pump()) continue;
        const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
        if (left.count() <= 0) return Next::kNothingYet;
        if (host_gone_) {
            reconnect();
            if (ended_) merge_.complete_until(std::numeric_limits<int64_t>::max());
        } else {
            wait(left);
        }
    }
}

bool Consumer::something_new() const {
    const wire::DeliveryHeader& header = reader_->header();
    return header.head.load(std::memory_order_seq_cst) > reader_->position() ||
           header.complete_until.load(std::memory_order_seq_cst) > until_ ||
           header.state.load(std::memory_order_seq_cst) != wire::DeliveryState::kRunning;
}

void Consumer::wait(milliseconds patience) {
    reader_->page().sleeps.store(1, std::memory_order_seq_cst);
    if (something_new()) return;
    std::array<pollfd, 2> polls{pollfd{socket_.get(), POLLIN, 0},
                                pollfd{interrupt_.get(), POLLIN, 0}};
    constexpr int64_t kLongest = 60'000;
    if (::poll(polls.data(), polls.size(), int(std::min<int64_t>(patience.count(), kLongest))) <= 0)
        return;
    std::array<std::byte, 64> bytes;
    while (polls[0].revents != 0) {
        const ssize_t size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (size > 0) continue;
        host_gone_ = size == 0 || (errno != EAGAIN && errno != EINTR);
        if (size == 0 || errno != EINTR) break;
    }
}

void Consumer::interrupt() noexcept {
    interrupted_ = true;
    const uint64_t one = 1;
    if (::write(interrupt_.get(), &one, sizeof(one)) < 0) return;  // full: it wakes anyway
}

uint64_t Consumer::events_lost() const {
    return reader_->header().events_lost.load(std::memory_order_relaxed);
}

}  // namespace etw::backend_linux

namespace etw::session {

Outcome<std::unique_ptr<Consumer>> open_consumer(const std::string& name) {
    return backend_linux::Consumer::open(name,
                                         {runtime_folder(), backend_linux::find_host_program()});
}

}  // namespace etw::session
