// Where the fields of a tracepoint's events stand, from the kernel's own format files. They are
// read by libtraceevent, which is maintained with the kernel and knows what its types have been
// through.
#pragma once
#include "etw/bytes.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace etw::kernel {

// One field; size 0: this kernel's event has no such field.
struct Field {
    uint32_t offset = 0;
    uint32_t size = 0;
    bool is_dynamic = false;   // __data_loc: a u32 with offset (low half) and size of the data
    bool is_relative = false;  // __rel_loc: the same, the offset counted from the field's end

    explicit operator bool() const noexcept { return size != 0; }
};

// A field with what its type says of it.
struct Member {
    enum class Kind : uint8_t {
        kNumber,   // `element` bytes: 1, 2, 4 or 8
        kNumbers,  // as many of them as the field's bytes hold
        kText,     // ends at the first NUL, or with the field
        kBytes,
    };
    std::string name;
    Field field;
    Kind kind = Kind::kBytes;
    uint32_t element = 1;
    bool is_signed = false;
    bool is_address = false;
    bool is_truth = false;  // of type bool
};

class Format {
public:
    // The text of a format file, and its system ("sched"). Fails with kInvalidData.
    static Result<Format> parse(const std::string& text, const char* system);

    uint16_t id() const noexcept { return id_; }
    Field field(std::string_view name) const;
    // Without those that every event begins with, in the order of the format file.
    const std::vector<Member>& members() const noexcept { return members_; }

private:
    uint16_t id_ = 0;
    std::unordered_map<std::string, Field> fields_;
    std::vector<Member> members_;
};

// An event as it comes out of a page. Values that a record is too short for are 0.
struct RawEvent {
    uint32_t cpu = 0;
    int64_t time = 0;  // counter
    Bytes data;
    uint8_t source = 0;  // which of the reader's instances it comes from

    uint16_t id() const noexcept { return load<uint16_t>(0); }
    // struct trace_entry, which every event begins with.
    uint8_t context() const noexcept { return load<uint8_t>(2); }  // ContextFlag
    uint32_t thread() const noexcept { return load<uint32_t>(4); }

    template <class T>
    T load(size_t offset) const noexcept {
        T out{};
        if (offset <= data.size() && sizeof(T) <= data.size() - offset) {
            std::memcpy(&out, data.data() + offset, sizeof(T));
        }
        return out;
    }
    // An integer of whatever size the kernel has made it, not extended by its sign.
    uint64_t number(const Field& field) const noexcept {
        switch (field.size) {
            case 1:
                return load<uint8_t>(field.offset);
            case 2:
                return load<uint16_t>(field.offset);
            case 4:
                return load<uint32_t>(field.offset);
            case 8:
                return load<uint64_t>(field.offset);
            default:
                return 0;
        }
    }
    Bytes bytes(const Field& field) const noexcept;
    // Up to its NUL.
    std::string_view text(const Field& field) const noexcept;
};

enum ContextFlag : uint8_t { kInHardIrq = 0x08, kInSoftIrq = 0x10 };

}  // namespace etw::kernel
