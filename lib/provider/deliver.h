// What the ways of an event and of a trace message into a session have in common.
#pragma once
#include "provider/private_session.h"

namespace etw::provider {

inline uint32_t result_of(ring::Outcome outcome) noexcept {
    switch (outcome) {
        case ring::Outcome::kWritten:
        case ring::Outcome::kDetached:  // the session has just gone: as if it had never been
            return ETW_OK;
        case ring::Outcome::kTooBig:
            return ETW_MORE_DATA;
        case ring::Outcome::kFull:
        case ring::Outcome::kNoCpu:
            break;
    }
    return ETW_NOT_ENOUGH_MEMORY;
}

// For sessions whose rings did not take the record, or that have none here.
[[gnu::noinline, gnu::cold]] inline uint32_t not_written(SessionSlot& slot,
                                                         const ring::Record& record, uint32_t size,
                                                         ring::Outcome outcome) noexcept {
    if (outcome != ring::Outcome::kNoCpu) return result_of(outcome);
    const SocketEvent event = {static_cast<const std::byte*>(record.staged),
                               record.pieces,
                               record.staged_size,
                               record.piece_count,
                               size,
                               record.time_stamp_offset};
    return slot.in_process ? append_private(slot, record.generation, event)
                           : send_event(slot, record.generation, event);
}

// What was enabled by the session has got other rings meanwhile: the entry names them by now. No
// generation is not another one: it would match any map that is not attached, and be followed.
inline bool moved(const EnableEntry& entry, uint64_t generation, bool rings,
                  ring::Outcome outcome) noexcept {
    if (!rings || outcome != ring::Outcome::kDetached) return false;
    std::atomic_thread_fence(std::memory_order_acquire);
    const uint64_t now = entry.generation.load(std::memory_order_relaxed);
    return now != 0 && now != generation;
}

}  // namespace etw::provider
