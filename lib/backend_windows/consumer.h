// Live events of a session, through OpenTrace and ProcessTrace.
#pragma once
#include "backend_windows/etw_api.h"
#include "backend_windows/record_builder.h"
#include "etw/consumer.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace etw::backend_windows {

// ProcessTrace calls back on a thread of ours until the session ends. What nobody has read yet is
// kept up to a limit; at that the callback waits, and the system drops buffers, which it counts.
class Consumer : public session::Consumer {
public:
    static session::Outcome<std::unique_ptr<session::Consumer>> open(const std::string& name,
                                                                     const EtwApi& api);
    ~Consumer() override;
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    const etl::LogHeader& header() const override { return header_; }
    const etl::TimeConverter& time() const override { return time_; }
    Next next(etl::Record& record, std::chrono::milliseconds patience) override;
    void interrupt() noexcept override;
    uint64_t buffers() const override { return buffers_; }
    uint64_t buffers_lost() const override { return buffers_lost_; }
    uint64_t events_lost() const override { return events_lost_; }
    const etl::Damage& damage() const override { return damage_; }

private:
    explicit Consumer(const EtwApi& api) noexcept : api_(api) {}
    static void WINAPI on_event(EVENT_RECORD* event);
    static ULONG WINAPI on_buffer(EVENT_TRACE_LOGFILEW* log);
    void keep(OwnedRecord record);
    void count_loss(const EVENT_RECORD& event);

    const EtwApi& api_;
    TRACEHANDLE trace_ = INVALID_PROCESSTRACE_HANDLE;
    etl::LogHeader header_;
    etl::TimeConverter time_;  // the system hands out FILETIMEs
    etl::Damage damage_;       // the system's own functions show none
    std::thread thread_;

    std::mutex mutex_;  // queue_, queued_bytes_, ended_
    std::condition_variable came_, went_;
    std::deque<OwnedRecord> queue_;
    size_t queued_bytes_ = 0;
    bool ended_ = false;

    OwnedRecord current_;  // what next() gave last
    std::atomic<bool> interrupted_ = false;
    std::atomic<uint64_t> buffers_ = 0, buffers_lost_ = 0, events_lost_ = 0;
};

}  // namespace etw::backend_windows
