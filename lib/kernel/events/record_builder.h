// Puts together the records of the kernel classes, in the 64-bit layouts and with the kinds of
// header that Windows' own kernels use.
#pragma once
#include "base/utf16.h"
#include "etw/etl_format.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

namespace etw::kernel {

// Where records go: one stream of a session, in the order of time for each CPU.
class RecordSink {
public:
    virtual ~RecordSink() = default;
    // Whether a CPU's stream takes all the records of one more event; the first of them, where it
    // is no longer than kShortRecord, at once.
    static constexpr size_t kShortRecord = 64;
    virtual bool has_room(uint32_t cpu) = 0;
    // `time` (counter) stands at `time_offset` of the record.
    virtual void append(uint32_t cpu, Bytes record, uint32_t time_offset, int64_t time) = 0;
    // The time of the oldest record that has still found no room, after another try.
    virtual std::optional<int64_t> waiting_since() = 0;
    // Events that never became records.
    virtual void add_lost(uint64_t count) = 0;
};

// One whose contents outlive this process: by these two a successor can tell whether the last
// append() and the last add_lost() came to be.
class LastingSink : public RecordSink {
public:
    // How far the stream of a CPU is written; another number after each record.
    virtual uint64_t written(uint32_t cpu) const = 0;
    // Sum of what add_lost() was given.
    virtual uint64_t lost() const = 0;
};

struct RecordIds {
    uint32_t thread = 0;
    uint32_t process = 0;
};

template <size_t kSize>
class RecordBuilderOf {
public:
    static constexpr size_t kMaxSize = kSize;
    static constexpr size_t kMaxText = 1024;  // UTF-16 units, NUL included

    // With the header that has no ids (PERFINFO_TRACE_HEADER).
    RecordBuilderOf(uint16_t hook, uint8_t version, int64_t time) noexcept {
        const wire::PerfInfoHeader header{
            version, 0, uint8_t(wire::HeaderType::kPerfInfo64), wire::kMarkerEvent, 0, hook, time,
        };
        put(header);
        time_offset_ = offsetof(wire::PerfInfoHeader, time_stamp);
    }
    // With the header that has them (SYSTEM_TRACE_HEADER).
    RecordBuilderOf(uint16_t hook, uint8_t version, int64_t time, RecordIds ids) noexcept {
        const wire::SystemHeader header{
            version,
            uint8_t(wire::HeaderType::kSystem64),
            wire::kMarkerEvent,
            0,
            hook,
            ids.thread,
            ids.process,
            time,
            0,
            0,
        };
        put(header);
        time_offset_ = offsetof(wire::SystemHeader, time_stamp);
    }

    // Of a class that has no hook id (EVENT_TRACE_HEADER).
    RecordBuilderOf(const Guid& event_class, uint8_t type, uint16_t version, int64_t time,
                    RecordIds ids) noexcept {
        const wire::FullHeader header{
            0,
            uint8_t(wire::HeaderType::kFull64),
            wire::kMarkerEvent,
            type,
            0,
            version,
            ids.thread,
            ids.process,
            time,
            event_class,
            0,
            0,
        };
        put(header);
        time_offset_ = offsetof(wire::FullHeader, time_stamp);
        size_offset_ = offsetof(wire::FullHeader, size);
    }

    template <Wire T>
    RecordBuilderOf& put(const T& value) noexcept {
        return append(std::as_bytes(std::span(&value, 1)));
    }
    RecordBuilderOf& append(Bytes bytes) noexcept {
        const size_t size = std::min(bytes.size(), kMaxSize - size_);
        std::memcpy(buffer_.data() + size_, bytes.data(), size);
        size_ += size;
        return *this;
    }
    // Cut where it is longer than `most`, NUL included.
    RecordBuilderOf& put_text(std::string_view utf8, size_t most = kMaxText) {
        std::u16string text = to_utf16(utf8);
        text.resize(std::min(text.size(), most - 1));
        text.push_back(u'\0');
        return append(std::as_bytes(std::span(text)));
    }
    // The last of a record that is to be no longer than `longest`. One that there is no room for
    // begins with "..." and has its end.
    RecordBuilderOf& put_path(std::string_view utf8, size_t longest) {
        constexpr std::u16string_view kCut = u"...";
        std::u16string text = to_utf16(utf8);
        const size_t most = (std::min(longest, kMaxSize) - size_) / sizeof(char16_t) - 1;
        if (text.size() > most) {
            const size_t folder = text.find(u'/', text.size() - most + kCut.size());
            text.replace(0, std::min(folder, text.size()), kCut);
        }
        text.push_back(u'\0');
        return append(std::as_bytes(std::span(text)));
    }
    RecordBuilderOf& put_narrow(std::string_view text) noexcept {
        append(std::as_bytes(std::span(text.substr(0, kMaxText))));
        return put('\0');
    }

    size_t size() const noexcept { return size_; }

    void send(RecordSink& sink, uint32_t cpu) noexcept {
        const auto size = uint16_t(size_);
        std::memcpy(buffer_.data() + size_offset_, &size, sizeof(size));
        int64_t time = 0;
        std::memcpy(&time, buffer_.data() + time_offset_, sizeof(time));
        sink.append(cpu, Bytes(buffer_).first(size_), time_offset_, time);
    }

private:
    static_assert(offsetof(wire::PerfInfoHeader, size) == offsetof(wire::SystemHeader, size));
    std::array<std::byte, kMaxSize> buffer_;
    size_t size_ = 0;
    uint32_t time_offset_ = 0;
    uint32_t size_offset_ = offsetof(wire::PerfInfoHeader, size);
};

// No record is longer, but for LongRecordBuilder's: it has to fit into the smallest buffer (4 KB).
// Texts are cut for it.
using RecordBuilder = RecordBuilderOf<4000>;
// Of records whose texts and paths are cut to what a session's buffers hold.
using LongRecordBuilder = RecordBuilderOf<16000>;

}  // namespace etw::kernel
