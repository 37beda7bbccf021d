// The way of events into the private session where restartable sequences cannot be had, or where
// all processors share one ring: under a lock, with plain stores.
#include "provider/private_state.h"

#include <sched.h>
#include <signal.h>

#include <cstring>

namespace etw::provider {

namespace {

// The lock is held for a copy only; a signal handler never finds it held by its own thread.
class AppendLock {
public:
    explicit AppendLock(std::atomic<uint32_t>& word) noexcept : word_(word) {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
        for (uint32_t tries = 1; word_.exchange(1, std::memory_order_seq_cst) != 0; ++tries) {
            give_way(tries);
        }
    }
    ~AppendLock() {
        word_.store(0, std::memory_order_release);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    AppendLock(const AppendLock&) = delete;
    AppendLock& operator=(const AppendLock&) = delete;

private:
    std::atomic<uint32_t>& word_;
    sigset_t before_;
};

// Room for `size` bytes in the ring, or null; `switched`: a block was left behind.
std::byte* room_for(uint32_t size, wire::RingPosition& at, bool& switched) noexcept {
    const ring::RingView view = g_private.view();
    const wire::RingGeometry& g = g_private.start.geometry;
    wire::RingControl& ring = view.control(0);
    at = ring.head.load(std::memory_order_relaxed);
    if (size > g.block_size - wire::kRingFirstOffset) return nullptr;
    if (size > g.block_size - wire::offset_of(at)) {
        const uint64_t block = wire::block_of(at) + 1;
        const wire::RingPosition tail = ring.tail.load(std::memory_order_acquire);
        if (block - wire::block_of(tail) >= g.blocks) return nullptr;
        view.filled(0, block - 1).store(wire::offset_of(at), std::memory_order_relaxed);
        at = wire::ring_position(block, wire::kRingFirstOffset);
        switched = true;
    }
    return view.block(0, wire::block_of(at)) + wire::offset_of(at);
}

}  // namespace

uint32_t append_private(SessionSlot& slot, uint64_t generation, const SocketEvent& event) noexcept {
    const Unnoticed unnoticed;
    // A child of a bare clone() has a copy of the memory and no thread that would write it.
    if (slot.rings || g_state.agent_pid != pid_t(current_identity().process_id)) {
        slot.socket_lost.fetch_add(1, std::memory_order_relaxed);
        return ETW_NOT_ENOUGH_MEMORY;
    }
    bool switched = false;
    std::atomic<uint32_t>* sleeps = nullptr;
    {
        const AppendLock lock(g_private.append_lock);
        if (slot.generation.load(std::memory_order_seq_cst) != generation) return ETW_OK;
        const auto size = uint32_t(wire::align8(event.size));
        wire::RingPosition at = 0;
        std::byte* out = room_for(size, at, switched);
        if (out == nullptr) {
            g_private.view().control(0).lost.fetch_add(1, std::memory_order_relaxed);
            return event.size > g_private.start.geometry.block_size - wire::kRingFirstOffset
                       ? ETW_MORE_DATA
                       : ETW_NOT_ENOUGH_MEMORY;
        }
        std::byte* to = out;
        uint32_t left = event.size;
        const auto add = [&](const void* data, size_t bytes) {
            if (bytes > left) bytes = left;
            std::memcpy(to, data, bytes);
            to += bytes;
            left -= uint32_t(bytes);
        };
        add(event.staged, event.staged_size);
        for (uint32_t i = 0; i < event.piece_count; ++i) {
            add(event.pieces[i].data, event.pieces[i].size);
        }
        std::memset(to, 0, size_t(out + size - to));
        const int64_t now = private_counter_now();
        std::memcpy(out + event.time_stamp_offset, &now, sizeof(now));
        g_private.view().control(0).head.store(at + size, std::memory_order_release);
        if (switched) sleeps = &g_private.view().host_sleeps();
        if (sleeps != nullptr && sleeps->exchange(0) == 1) futex_wake(*sleeps);
    }
    return ETW_OK;
}

}  // namespace etw::provider
