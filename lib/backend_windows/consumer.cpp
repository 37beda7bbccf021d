#include "backend_windows/consumer.h"

#include "backend_windows/backend.h"
#include "backend_windows/text.h"

#include <fmt/format.h>

namespace etw::backend_windows {

using session::Failure;
using session::Outcome;

namespace {

constexpr size_t kMostQueued = size_t{64} << 20;  // bytes of events
constexpr ULONG kEventRecordMode = 0x10000000;    // PROCESS_TRACE_MODE_EVENT_RECORD

// RT_LostEvent: real-time delivery says in the stream what it had to drop.
constexpr Guid kLostEventClass = {
    0x6a399ae0, 0x4bc6, 0x4de9, {0x87, 0x0b, 0x36, 0x57, 0xf8, 0x94, 0x7e, 0x7e}};
constexpr UCHAR kLostEvents = 32;
constexpr UCHAR kLostBuffers = 33;

etl::LogHeader header_of(const EVENT_TRACE_LOGFILEW& log, const std::string& name) {
    const TRACE_LOGFILE_HEADER& from = log.LogfileHeader;
    etl::LogHeader out;
    wire::LogFileHeader64& to = out.fixed;
    to.buffer_size = from.BufferSize;
    to.processors = from.NumberOfProcessors;
    to.timer_resolution = from.TimerResolution;
    to.log_file_mode = from.LogFileMode;
    to.pointer_size = from.PointerSize;
    to.boot_time = from.BootTime.QuadPart;
    to.perf_frequency = from.PerfFreq.QuadPart;
    to.start_time = from.StartTime.QuadPart;
    to.clock_type = uint32_t(ClockType::kSystemTime);
    out.is_64_bit = from.PointerSize == 8;
    out.start_raw = to.start_time;
    out.logger_name = name;
    return out;
}

}  // namespace

Outcome<std::unique_ptr<session::Consumer>> Consumer::open(const std::string& name,
                                                           const EtwApi& api) {
    if (api.open_trace == nullptr || api.process_trace == nullptr || api.close_trace == nullptr) {
        return Failure{Code::kNotSupported, "this system has no event tracing (OpenTrace)"};
    }
    // OpenTrace takes any name, and a session without real-time delivery would say nothing for
    // ever.
    ETW_TRY(const auto status, Backend(api).query(name));
    if ((status.properties.log_file_mode & kModeRealTime) == 0) {
        return Failure{Code::kNotSupported,
                       fmt::format("'{}' is no real-time session; tracelog -update \"{}\" -rt "
                                   "makes it one",
                                   name, name)};
    }
    auto consumer = std::unique_ptr<Consumer>(new Consumer(api));
    std::wstring wide = to_wide(name);
    EVENT_TRACE_LOGFILEW log{};
    log.LoggerName = wide.data();
    log.ProcessTraceMode = PROCESS_TRACE_MODE_REAL_TIME | kEventRecordMode;
    log.BufferCallback = on_buffer;
    log.EventRecordCallback = on_event;
    log.Context = consumer.get();
    consumer->trace_ = api.open_trace(&log);
    if (consumer->trace_ == INVALID_PROCESSTRACE_HANDLE) {
        return failure_of(::GetLastError(), "OpenTrace", name);
    }
    consumer->header_ = header_of(log, name);
    consumer->thread_ = std::thread([consumer = consumer.get()] {
        consumer->api_.process_trace(&consumer->trace_, 1, nullptr, nullptr);
        const std::lock_guard lock(consumer->mutex_);
        consumer->ended_ = true;
        consumer->came_.notify_all();
    });
    return std::unique_ptr<session::Consumer>(std::move(consumer));
}

Consumer::~Consumer() {
    interrupt();
    if (trace_ != INVALID_PROCESSTRACE_HANDLE) api_.close_trace(trace_);
    if (thread_.joinable()) thread_.join();
}

void WINAPI Consumer::on_event(EVENT_RECORD* event) {
    auto& self = *static_cast<Consumer*>(event->UserContext);
    self.count_loss(*event);
    self.keep(build_record(*event));
}

// FALSE ends ProcessTrace.
ULONG WINAPI Consumer::on_buffer(EVENT_TRACE_LOGFILEW* log) {
    auto& self = *static_cast<Consumer*>(log->Context);
    ++self.buffers_;
    return self.interrupted_ ? FALSE : TRUE;
}

void Consumer::keep(OwnedRecord record) {
    std::unique_lock lock(mutex_);
    went_.wait(lock, [&] { return interrupted_ || queued_bytes_ < kMostQueued; });
    if (interrupted_) return;
    queued_bytes_ += record.bytes.size();
    queue_.push_back(std::move(record));
    came_.notify_one();
}

void Consumer::count_loss(const EVENT_RECORD& event) {
    if (from_system(event.EventHeader.ProviderId) != kLostEventClass) return;
    if (event.EventHeader.EventDescriptor.Opcode == kLostEvents) ++events_lost_;
    if (event.EventHeader.EventDescriptor.Opcode == kLostBuffers) ++buffers_lost_;
}

Consumer::Next Consumer::next(etl::Record& record, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    const auto ready = [&] { return interrupted_ || ended_ || !queue_.empty(); };
    if (!came_.wait_for(lock, patience, ready)) return Next::kNothingYet;
    if (interrupted_ || queue_.empty()) return Next::kEnded;
    current_ = std::move(queue_.front());  // a moved vector keeps its place: the views stay valid
    queue_.pop_front();
    queued_bytes_ -= current_.bytes.size();
    went_.notify_one();
    record = current_.record;
    return Next::kRecord;
}

// Signal handlers have a thread of their own here: they may wait for the lock.
void Consumer::interrupt() noexcept {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    came_.notify_all();
    went_.notify_all();
}

}  // namespace etw::backend_windows

namespace etw::session {

Outcome<std::unique_ptr<Consumer>> open_consumer(const std::string& name) {
    return backend_windows::Consumer::open(name, backend_windows::system_api());
}

}  // namespace etw::session
