// Live events of a session. Linux: read from memory that the session host shares. Any number of
// consumers, each at its own pace: one that stops reading loses buffers, and costs nobody else any.
#pragma once
#include "etw/log_reader.h"
#include "etw/session.h"

#include <chrono>
#include <memory>
#include <string>

namespace etw::session {

class Consumer {
public:
    enum class Next {
        kRecord,
        kNothingYet,  // the patience is over
        kEnded,       // the session was stopped, or goes on without consumers; or interrupt()
    };

    virtual ~Consumer() = default;

    // What a log of the session has in its header event.
    virtual const etl::LogHeader& header() const = 0;
    virtual const etl::TimeConverter& time() const = 0;
    // The next record, in order of time over all processors; waits for one. Survives the death of
    // the host: connects to its successor and goes on. The record's views are valid until the next
    // call. Everything else here is for the same thread, but interrupt().
    virtual Next next(etl::Record& record, std::chrono::milliseconds patience) = 0;
    // Makes next() return kEnded, now and from now on. From any thread or signal handler.
    virtual void interrupt() noexcept = 0;

    virtual uint64_t buffers() const = 0;       // received
    virtual uint64_t buffers_lost() const = 0;  // this consumer came too late for
    virtual uint64_t events_lost() const = 0;   // by the session so far
    virtual const etl::Damage& damage() const = 0;
};

// Begins with what waited for a first consumer, otherwise now. kSessionNotFound: no such session.
// A session that writes to a file only can be consumed too; its file does not change by it.
Outcome<std::unique_ptr<Consumer>> open_consumer(const std::string& name);

}  // namespace etw::session
