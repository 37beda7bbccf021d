// The log of a private session, written by the traced process itself: what etl::LogWriter is for
// the host, with nothing but libc. What the log begins with comes from the host.
#pragma once
#include "provider/os.h"
#include "wire/provider_protocol.h"

#include <cstddef>

namespace etw::provider {

class PrivateLog {
public:
    enum class Outcome { kWritten, kFull, kFailed };

    // The session's settings. False: no log fits them.
    bool set_up(const wire::PrivateStart& start) noexcept;
    // Whether the descriptor can be that of a log. Touches nothing.
    static bool usable(int fd) noexcept;
    // Puts `header`, a whole buffer, in the place of all that the file holds. False: the file is as
    // it was. `scratch` has room for one buffer.
    bool replace(const GuardedFd& file, const std::byte* header, std::byte* scratch) const noexcept;
    // Goes on in a file that was replaced; takes it over, and closes the one before.
    // What was lost until then is told in the one before.
    void go_on_in(GuardedFd& file, uint64_t events_lost, uint64_t buffers_lost) noexcept;

    // `buffer`: one of the session's buffers, with `record_bytes` of records behind the room for
    // its header; the header and what is unused are filled in here. All or nothing.
    Outcome write(std::byte* buffer, uint32_t record_bytes, uint16_t cpu, int64_t time) noexcept;
    // The final header, with what the session has lost. False: the file is as it was, readable
    // without.
    bool finish(uint64_t events_lost, uint64_t buffers_lost) noexcept;

    uint32_t buffers_written() const noexcept { return buffers_written_; }
    uint64_t size() const noexcept { return wrapped_ ? wrap_at() : next_; }
    void forget() noexcept { fd_.reset(); }

private:
    uint64_t wrap_at() const noexcept { return limit_ - limit_ % buffer_size_; }
    bool write_buffer(uint64_t at, const std::byte* buffer) noexcept;
    bool set_end_mark(bool on) noexcept;

    GuardedFd fd_;
    uint32_t buffer_size_ = 0;
    uint16_t logger_id_ = 0;
    bool circular_ = false;
    bool wrapped_ = false;
    bool end_marked_ = false;
    uint64_t limit_ = 0;  // 0: none
    uint64_t next_ = 0;   // where the next buffer goes
    uint64_t last_ = 0;   // the newest data buffer, 0: none
    int64_t sequence_ = 0;
    uint64_t events_lost_before_ = 0;  // by the session, before it began this file
    uint64_t buffers_lost_before_ = 0;
    int64_t last_time_ = 0;
    uint32_t buffers_written_ = 0;  // of all files, each file's header buffer included
};

}  // namespace etw::provider
