// EVENT_TRACE_PROPERTIES, or its version 2, with its two names, in one block of memory as the
// functions want it. The one place where lengths and offsets are put together and taken apart.
#pragma once
#include "backend_windows/windows.h"
#include "etw/guid.h"
#include "etw/session_properties.h"

#include <cstddef>
#include <string>
#include <vector>

namespace etw::backend_windows {

// The properties stand at the front, the session's name behind them, the log file's behind that;
// each name has room for session::kMaxNameLength characters and its NUL, since the functions write
// into it what the session has.
class PropertiesBuffer {
public:
    // For a question: all zero but the sizes, the offsets and the tag.
    PropertiesBuffer();

    EVENT_TRACE_PROPERTIES& get() noexcept {
        return *reinterpret_cast<EVENT_TRACE_PROPERTIES*>(bytes_.data());
    }
    const EVENT_TRACE_PROPERTIES& get() const noexcept {
        return *reinterpret_cast<const EVENT_TRACE_PROPERTIES*>(bytes_.data());
    }

    // Makes it one of version 2, which Windows 10 1703 and later know.
    EVENT_TRACE_PROPERTIES_V2& version2() noexcept;

    // `file` is a path. Names that are longer than they may be are cut: check() refuses them
    // before.
    void set_log_file(const std::string& file);
    // Without one: the functions take a zero offset for "no file" and for "as it was".
    void set_no_log_file() noexcept { get().LogFileNameOffset = 0; }

    // What a function left there, bounded by the block whatever the offsets say.
    std::string session_name() const { return text_at(get().LoggerNameOffset); }
    std::string log_file() const { return text_at(get().LogFileNameOffset); }

private:
    std::string text_at(size_t offset) const;

    std::vector<std::byte> bytes_;
};

// The properties of a session that is to be started; etw/session_properties.h in the system's
// terms. Its name is an argument of StartTrace.
PropertiesBuffer properties_for_start(const session::Properties& properties);

// What the system says of a session, in ours. Providers are not among it.
session::SessionStatus status_of(const PropertiesBuffer& buffer);

GUID to_system(const Guid& guid) noexcept;
Guid from_system(const GUID& guid) noexcept;

}  // namespace etw::backend_windows
