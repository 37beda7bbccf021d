// Trace messages: from a source's DoTraceMessage to one record for each session that wants it. Runs
// in signal handlers and in threads of any stack size, as events do (write.cpp).
#include "base/sha1.h"
#include "provider/deliver.h"

#include <alloca.h>
#include <wchar.h>

#include <cstring>

namespace etw::provider {

namespace {

using ring::Outcome;
using ring::Piece;
using ring::Record;
using wire::align8;
using wire::MessageHeader;

// --- the record's head -----------------------------------------------------------------------

constexpr uint16_t kMessageFlags =
    wire::kMessageGuid | wire::kMessageTime | wire::kMessageSystemInfo | wire::kMessagePointer64;
constexpr uint32_t kHeadSize = ETW_MESSAGE_HEAD * sizeof(uint64_t);
constexpr uint32_t kTimeWord = 3, kTimeOffset = kTimeWord * sizeof(uint64_t);
static_assert(sizeof(MessageHeader) + sizeof(Guid) == kTimeOffset);
static_assert(kHeadSize == sizeof(MessageHeader) + sizeof(Guid) + 8 + 4 + 4);

inline uint64_t header_word(uint32_t size, uint32_t what, uint16_t flags) noexcept {
    static_assert(offsetof(MessageHeader, marker) == 3 && offsetof(MessageHeader, number) == 4 &&
                  offsetof(MessageHeader, flags) == 6);
    return size | uint64_t{wire::kMarkerMessage} << 24 | uint64_t{uint16_t(what)} << 32 |
           uint64_t{flags} << 48;
}

// etw_message_file::known. One thread makes the file's GUID known; whoever comes meanwhile, its own
// signal handler or a child forked in between (which will never see it known), makes it for itself.
enum : uint32_t { kFileUnknown, kFileBeingMade, kFileKnown };

[[gnu::noinline, gnu::cold]] void learn_file(etw_message_file& file, void* id) noexcept {
    Guid control;
    std::memcpy(static_cast<void*>(&control), file.control, sizeof(control));
    const Guid made = uuid5(control, file.name, std::strlen(file.name));
    std::memcpy(id, &made, sizeof(made));
    uint32_t before = kFileUnknown;
    if (!__atomic_compare_exchange_n(&file.known, &before, uint32_t{kFileBeingMade}, false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        return;
    }
    std::memcpy(static_cast<void*>(&file.id), &made, sizeof(made));
    __atomic_store_n(&file.known, uint32_t{kFileKnown}, __ATOMIC_RELEASE);
}

inline void fill_head(uint64_t* head, etw_message_file& file, uint32_t what,
                      uint32_t size) noexcept {
    const Identity identity = current_identity();
    head[0] = header_word(size, what, kMessageFlags);
    if (__builtin_expect(__atomic_load_n(&file.known, __ATOMIC_ACQUIRE) == kFileKnown, true)) {
        std::memcpy(head + 1, &file.id, sizeof(file.id));
    } else {
        learn_file(file, head + 1);
    }
    head[kTimeWord] = 0;  // the section's
    head[4] = identity.thread_id | uint64_t{identity.process_id} << 32;
}

// --- sessions --------------------------------------------------------------------------------

struct Message {
    uint32_t what;
    uint32_t size;    // exact, without padding
    uint64_t* words;  // head, then values
    uint32_t staged_size;
    uint32_t count;
    const Piece* pieces;  // values behind those; may be null
};

inline bool wants(const EnableEntry& entry, uint32_t what) noexcept {
    const uint32_t flag = what >> 24, level = what >> 16 & 0xFF;
    return (entry.match_any.load(std::memory_order_relaxed) >> (flag & 31) & 1) != 0 &&
           level <= entry.level.load(std::memory_order_relaxed);
}

// For sessions that number their messages. The number is taken before the record's time, so two
// threads that write at the same instant may have theirs either way around; a message that is lost
// leaves a gap. False: the session has other rings since its entry was read; `number`, 0 at first,
// is kept for the next try.
[[gnu::noinline]] bool deliver_numbered(const EnableEntry& entry, SessionSlot& slot,
                                        uint64_t generation, std::atomic<uint32_t>& numbers,
                                        const Message& message, uint32_t& number,
                                        uint32_t& result) noexcept {
    if (number == 0) number = numbers.fetch_add(1, std::memory_order_relaxed) + 1;
    const uint32_t size = message.size + uint32_t{sizeof(number)};
    if (size > wire::kMaxRecordSize) {
        result = ETW_ARITHMETIC_OVERFLOW;
        return true;
    }
    // Header, number, GUID, time, thread; the process follows as a piece, so that what is staged
    // is a whole number of words.
    uint64_t staged[ETW_MESSAGE_HEAD];
    auto* to = reinterpret_cast<std::byte*>(staged);
    const auto* from = reinterpret_cast<const std::byte*>(message.words);
    staged[0] = header_word(size, message.what, kMessageFlags | wire::kMessageSequence);
    constexpr uint32_t kHeader = sizeof(MessageHeader), kNumber = sizeof(number);
    std::memcpy(to + kHeader, &number, kNumber);
    std::memcpy(to + kHeader + kNumber, from + kHeader, kHeadSize - kHeader - kNumber);
    Piece pieces[2 * ETW_MAX_PARTS + 2] = {
        {from + kHeadSize - kNumber, kNumber, 0},
        {from + kHeadSize, message.count != 0 ? 0 : message.size - kHeadSize, 0}};
    if (message.count != 0) {
        std::memcpy(pieces + 2, message.pieces, message.count * sizeof(Piece));
    }
    Record record = {&slot.map, generation,        staged,       pieces,
                     kHeadSize, message.count + 2, align8(size), kTimeOffset + kNumber};
    const bool rings = slot.rings.load(std::memory_order_relaxed);
    const Outcome outcome = rings ? ring::write_record(record) : Outcome::kNoCpu;
    if (outcome == Outcome::kWritten) return true;
    if (moved(entry, generation, rings, outcome)) return false;
    if (const uint32_t failed = not_written(slot, record, size, outcome)) result = failed;
    return true;
}

[[gnu::always_inline]] inline uint32_t deliver(const Registration& registration,
                                               const Message& message) noexcept {
    uint32_t result = ETW_OK;
    Record record = {nullptr,
                     0,
                     message.words,
                     message.pieces,
                     message.staged_size,
                     message.count,
                     align8(message.size),
                     kTimeOffset};
    uint32_t mask = registration.entries.load(std::memory_order_acquire) & kEntryBits;
    for (; mask != 0; mask &= mask - 1) {
        const EnableEntry& entry = registration.entry[__builtin_ctz(mask)];
        uint32_t number = 0;
    again:
        const uint64_t generation = entry.generation.load(std::memory_order_acquire);
        if (generation == 0 || !wants(entry, message.what)) continue;
        SessionSlot& slot = g_state.slots[generation % kMaxSlots];
        if (auto* numbers = slot.numbers.load(std::memory_order_relaxed);
            __builtin_expect(numbers != nullptr, false)) {
            if (!deliver_numbered(entry, slot, generation, *numbers, message, number, result)) {
                goto again;
            }
            continue;
        }
        record.map = &slot.map;
        record.generation = generation;
        const bool rings = slot.rings.load(std::memory_order_relaxed);
        const Outcome outcome =
            __builtin_expect(rings, true) ? ring::write_record(record) : Outcome::kNoCpu;
        if (__builtin_expect(outcome == Outcome::kWritten, true)) continue;
        if (moved(entry, generation, rings, outcome)) goto again;
        if (const uint32_t failed = not_written(slot, record, message.size, outcome)) {
            result = failed;
        }
    }
    return result;
}

// --- values ----------------------------------------------------------------------------------

// UNICODE_STRING and ANSI_STRING.
struct CountedText {
    uint16_t size;  // bytes
    uint16_t capacity;
    const void* text;
};

class Pieces {
public:
    void add(const void* data, size_t size) noexcept {
        size_ += size;
        if (size != 0) pieces_[count_++] = {data, uint32_t(size), 0};
    }
    // Behind its length, which is kept here.
    void add_counted(const void* data, size_t size) noexcept {
        uint16_t& length = lengths_[counted_++];
        length = uint16_t(size < UINT16_MAX ? size : UINT16_MAX);
        add(&length, sizeof(length));
        add(data, length);
    }
    const Piece* data() const noexcept { return pieces_; }
    uint32_t count() const noexcept { return count_; }
    uint64_t size() const noexcept { return size_; }

private:
    Piece pieces_[2 * ETW_MAX_PARTS];
    uint16_t lengths_[ETW_MAX_PARTS];
    uint32_t count_ = 0, counted_ = 0;
    uint64_t size_ = 0;
};

constexpr char16_t kNull[] = u"NULL";

size_t length_of(const char16_t* text) noexcept {
    size_t length = 0;
    while (text[length] != 0) ++length;
    return length;
}

template <class T>
const T* pointer(const etw_message_part& part) noexcept {
    return reinterpret_cast<const T*>(uintptr_t(part.value));
}

void add_part(Pieces& to, const etw_message_part& part) noexcept {
    static constexpr std::byte kZeros[16] = {};
    switch (part.form) {
        case ETW_PART_BYTES: {
            const auto* data = pointer<std::byte>(part);
            return to.add(data != nullptr ? data : kZeros, part.size);
        }
        case ETW_PART_TEXT: {
            const char* text = part.value != 0 ? pointer<char>(part) : "NULL";
            return to.add(text, std::strlen(text) + 1);
        }
        case ETW_PART_TEXT16: {
            const char16_t* text = part.value != 0 ? pointer<char16_t>(part) : kNull;
            return to.add(text, (length_of(text) + 1) * sizeof(*text));
        }
        case ETW_PART_ANSI_STRING:
        case ETW_PART_UNICODE_STRING: {
            CountedText counted{};
            if (part.value != 0) std::memcpy(&counted, pointer<void>(part), sizeof(counted));
            return to.add_counted(counted.text, counted.text != nullptr ? counted.size : 0);
        }
        case ETW_PART_SID: {
            constexpr size_t kHead = 8, kSubAuthority = 4;
            const auto* sid = pointer<uint8_t>(part);
            if (sid == nullptr) return to.add(kZeros, kHead);
            return to.add(sid, kHead + kSubAuthority * sid[1]);
        }
        case ETW_PART_COUNTED:
            return to.add_counted(pointer<void>(part), part.value != 0 ? part.size : 0);
        default:
            return to.add(&part.value, part.size < sizeof(part.value) ? part.size : 8);
    }
}

constexpr uint64_t kLargest = wire::kMaxRecordSize;

}  // namespace

}  // namespace etw::provider

using namespace etw::provider;

extern "C" {

uint32_t etw_write_message(const etw_message_control* control, etw_message_file* file,
                           uint32_t what, uint64_t* record, uint32_t size) {
    const Registration* registration =
        registration_of(__atomic_load_n(&control->handle, __ATOMIC_RELAXED));
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    const uint64_t whole = uint64_t{kHeadSize} + size;
    if (whole > kLargest) return ETW_ARITHMETIC_OVERFLOW;
    fill_head(record, *file, what, uint32_t(whole));
    return deliver(*registration,
                   {what, uint32_t(whole), record, uint32_t(whole + 7) / 8 * 8, 0, nullptr});
}

uint32_t etw_write_message_parts(const etw_message_control* control, etw_message_file* file,
                                 uint32_t what, const etw_message_part* parts, uint32_t count) {
    const Registration* registration =
        registration_of(__atomic_load_n(&control->handle, __ATOMIC_RELAXED));
    if (registration == nullptr) return ETW_INVALID_HANDLE;
    if (count > ETW_MAX_PARTS) return ETW_INVALID_PARAMETER;
    Pieces pieces;
    for (uint32_t i = 0; i < count; ++i) {
        if (parts[i].form != ETW_PART_TEXT32) {
            add_part(pieces, parts[i]);
            continue;
        }
        const wchar_t* text = parts[i].value != 0 ? pointer<wchar_t>(parts[i]) : L"NULL";
        const size_t length = ::wcslen(text);
        // Two units a character at most; what is too long for a record is not converted.
        if (length > kLargest / 2) return ETW_ARITHMETIC_OVERFLOW;
        const auto capacity = uint32_t(2 * length + 1);
        auto* units = static_cast<uint16_t*>(::alloca(capacity * sizeof(uint16_t)));
        const uint32_t used = etw_utf16_from_wide(text, uint32_t(length), units, capacity);
        pieces.add(units, (used + 1) * sizeof(uint16_t));
    }
    const uint64_t whole = kHeadSize + pieces.size();
    if (whole > kLargest) return ETW_ARITHMETIC_OVERFLOW;
    uint64_t head[ETW_MESSAGE_HEAD];
    fill_head(head, *file, what, uint32_t(whole));
    return deliver(*registration,
                   {what, uint32_t(whole), head, kHeadSize, pieces.count(), pieces.data()});
}

}  // extern "C"
