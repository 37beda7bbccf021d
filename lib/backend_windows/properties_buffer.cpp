#include "backend_windows/properties_buffer.h"

#include "backend_windows/text.h"
#include "base/letter_case.h"
#include "session/rules.h"

#include <algorithm>
#include <cstring>

namespace etw::backend_windows {
namespace {

constexpr size_t kNameSize = (session::kMaxNameLength + 1) * sizeof(wchar_t);
constexpr size_t kNameOffset = sizeof(EVENT_TRACE_PROPERTIES_V2);
constexpr size_t kFileOffset = kNameOffset + kNameSize;
constexpr size_t kSize = kFileOffset + kNameSize;
static_assert(offsetof(EVENT_TRACE_PROPERTIES, BufferSize) == 48, "as documented");
static_assert(offsetof(EVENT_TRACE_PROPERTIES_V2, V2Control) == sizeof(EVENT_TRACE_PROPERTIES));
static_assert(kNameOffset % alignof(wchar_t) == 0);

// Of EVENT_TRACE_PROPERTIES_V2::V2Options and V2Control.
constexpr ULONG64 kQpcDeltaTracking = 0x2;
constexpr ULONG kVersion2 = 2;

}  // namespace

GUID to_system(const Guid& guid) noexcept {
    GUID out;
    static_assert(sizeof(out) == sizeof(guid));
    std::memcpy(&out, &guid, sizeof(out));
    return out;
}

Guid from_system(const GUID& guid) noexcept {
    Guid out{guid.Data1, guid.Data2, guid.Data3, {}};
    std::copy(std::begin(guid.Data4), std::end(guid.Data4), out.data4.begin());
    return out;
}

PropertiesBuffer::PropertiesBuffer() : bytes_(kSize) {
    EVENT_TRACE_PROPERTIES& p = get();
    p.Wnode.BufferSize = ULONG(kSize);
    p.Wnode.Flags = WNODE_FLAG_TRACED_GUID;
    p.LoggerNameOffset = ULONG(kNameOffset);
    p.LogFileNameOffset = ULONG(kFileOffset);
}

EVENT_TRACE_PROPERTIES_V2& PropertiesBuffer::version2() noexcept {
    auto& out = *reinterpret_cast<EVENT_TRACE_PROPERTIES_V2*>(bytes_.data());
    out.Wnode.Flags |= WNODE_FLAG_VERSIONED_PROPERTIES;
    out.V2Control = kVersion2;
    return out;
}

void PropertiesBuffer::set_log_file(const std::string& file) {
    const std::wstring wide = to_wide(file);
    const size_t length = std::min<size_t>(wide.size(), session::kMaxNameLength);
    std::byte* const to = bytes_.data() + kFileOffset;
    std::memset(to, 0, kNameSize);
    std::memcpy(to, wide.data(), length * sizeof(wchar_t));
    get().LogFileNameOffset = ULONG(kFileOffset);
}

std::string PropertiesBuffer::text_at(size_t offset) const {
    if (offset < sizeof(EVENT_TRACE_PROPERTIES) || offset >= bytes_.size()) return {};
    const size_t room = (bytes_.size() - offset) / sizeof(wchar_t);
    std::wstring text(room, L'\0');
    std::memcpy(text.data(), bytes_.data() + offset, room * sizeof(wchar_t));
    return from_wide(std::wstring_view(text).substr(0, text.find(L'\0')));
}

PropertiesBuffer properties_for_start(const session::Properties& properties) {
    PropertiesBuffer buffer;
    EVENT_TRACE_PROPERTIES& p = buffer.get();
    const bool kernel = same_name(properties.name, session::kKernelLoggerName);
    p.Wnode.Guid = to_system(kernel ? session::kSystemTraceControlGuid : properties.guid);
    p.Wnode.ClientContext = ULONG(properties.clock);
    p.BufferSize = properties.buffer_size_kb;
    p.MinimumBuffers = properties.minimum_buffers;
    p.MaximumBuffers = properties.maximum_buffers;
    p.MaximumFileSize = properties.maximum_file_size;
    p.LogFileMode = properties.log_file_mode;
    p.FlushTimer = properties.flush_timer_s;
    p.EnableFlags = properties.enable_flags;
    p.AgeLimit = LONG(properties.flush_threshold);  // the two share their place
    if (properties.qpc_delta) buffer.version2().V2Options = kQpcDeltaTracking;
    if (properties.log_file.empty()) {
        buffer.set_no_log_file();
    } else {
        buffer.set_log_file(properties.log_file);
    }
    return buffer;
}

session::SessionStatus status_of(const PropertiesBuffer& buffer) {
    const EVENT_TRACE_PROPERTIES& p = buffer.get();
    session::SessionStatus status;
    session::Properties& out = status.properties;
    out.name = buffer.session_name();
    out.guid = from_system(p.Wnode.Guid);
    out.log_file_mode = p.LogFileMode;
    out.buffer_size_kb = p.BufferSize;
    out.minimum_buffers = p.MinimumBuffers;
    out.maximum_buffers = p.MaximumBuffers;
    out.maximum_file_size = p.MaximumFileSize;
    out.flush_timer_s = p.FlushTimer;
    out.flush_threshold = uint32_t(p.AgeLimit);
    out.enable_flags = p.EnableFlags;
    out.clock = ClockType(p.Wnode.ClientContext);
    out.log_file = buffer.log_file();
    // The handle of a session is its id; the upper half is for the system alone.
    status.logger_id = uint16_t(p.Wnode.HistoricalContext);
    status.logger_thread_id = uint64_t(reinterpret_cast<uintptr_t>(p.LoggerThreadId));
    status.number_of_buffers = p.NumberOfBuffers;
    status.free_buffers = p.FreeBuffers;
    status.buffers_written = p.BuffersWritten;
    status.events_lost = p.EventsLost;
    status.log_buffers_lost = p.LogBuffersLost;
    status.real_time_buffers_lost = p.RealTimeBuffersLost;
    // The system counts buffers, not bytes; a buffered session writes none and holds them all.
    const bool buffered = (p.LogFileMode & kModeBuffering) != 0;
    status.events_seen_bytes =
        uint64_t{p.BufferSize} * 1024 * (buffered ? p.NumberOfBuffers : p.BuffersWritten);
    return status;
}

}  // namespace etw::backend_windows
