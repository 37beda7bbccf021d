// FILETIMEs as text. The text of a second is kept, so that most events only add its fraction.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

namespace etw::render {

constexpr size_t kMaxClockText = 48;

// Years 1601 to 9999; what lies outside is shown as the nearer end.
struct CivilTime {
    uint32_t year, month, day, hour, minute, second;
    uint32_t ticks;  // 100 ns
};
CivilTime civil_time(int64_t filetime) noexcept;
CivilTime local_civil_time(int64_t filetime) noexcept;  // of a moment in UTC

// Writes "YYYY-MM-DDTHH:MM:SS.fffffffZ"; the local time, without Z, if `local`.
char* put_iso_time(char* p, int64_t filetime, bool local = false) noexcept;

// Local time minus UTC at a moment, in 100 ns units, by this process's time zone. Windows' tracefmt
// uses the zone of the reader too, not that of the log.
int64_t local_offset(int64_t filetime) noexcept;

class ClockText {
public:
    enum class Style : uint8_t { kPrefix, kIso };  // "MM/DD/YYYY-HH:MM:SS" / ISO 8601
    enum class Zone : uint8_t { kLocal, kUtc };

    // `digits` of the second, 3 or 7, are written. `suffix`: the zone follows, "Z" or "+05:30".
    ClockText(Style style, Zone zone, int digits, bool suffix = false) noexcept
        : style_(style), zone_(zone), digits_(digits), suffix_(suffix) {}

    char* put(char* p, int64_t filetime) noexcept;  // needs kMaxClockText

private:
    void set_second(int64_t second) noexcept;

    Style style_;
    Zone zone_;
    int digits_;
    bool suffix_;
    int64_t second_ = std::numeric_limits<int64_t>::min();  // of text_, seconds since 1601 UTC
    int64_t offset_block_ = std::numeric_limits<int64_t>::min();
    int64_t offset_ = 0;
    char text_[24] = {};
    uint32_t length_ = 0;
    char zone_text_[8] = {'Z'};
    uint32_t zone_length_ = 1;
};

}  // namespace etw::render
