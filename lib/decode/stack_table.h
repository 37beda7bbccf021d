// The call stacks that a log keeps in records of their own, by the event that each belongs to.
// A stack record says when its event happened and on which thread; newer systems write a key
// there, and what the key stands for later in the log. etl-format (i), StackWalk. Which of several
// events of a thread at one time is meant, no record says; but one that stands right behind a
// record of its own time is that one's.
#pragma once
#include "etw/log_reader.h"

#include <compare>
#include <set>
#include <unordered_map>
#include <vector>

namespace etw::decode {

struct Stack {
    Bytes addresses;  // innermost first: the kernel's part, then the program's; valid as the table
    uint8_t address_size = 8;
    uint32_t process = 0;
};

class StackTable {
public:
    // Takes what a stack record says; others must not be given. In order of time.
    void add(const etl::Record& record);
    // Any other record, as far as the log is looked through: what stands right behind is known by
    // it.
    void pass(const etl::Record& record) noexcept {
        before_ = {record.time_stamp, owner_of(record)};
    }
    // To be called behind the last record of a log; stacks can then be found. Another log may
    // follow.
    void finish();

    bool empty() const noexcept { return joins_.empty(); }
    // The stack of an event; its addresses are empty if it has none. `hint` carries the place from
    // look-up to look-up: events ask in order of time.
    Stack find(const etl::Record& record, size_t& hint) const;

    uint64_t dropped() const noexcept { return dropped_; }

private:
    // A log of any size must not fill the memory: what is beyond keeps its own records only.
    static constexpr size_t kMaxBytes = size_t{64} << 20;

    struct Frames {
        uint32_t at;    // in addresses_
        uint16_t size;  // bytes
        uint8_t address_size;
    };
    // The record that a stack stands right behind, of several at one time.
    struct Owner {
        uint16_t hook;  // 0: not known
        uint16_t cpu;
        friend auto operator<=>(const Owner&, const Owner&) = default;
    };
    struct Join {  // a part of an event's stack; after finish() all of it
        int64_t time;
        uint32_t thread;
        uint32_t process;
        uint32_t frames;  // index, or kPending
        uint8_t part;     // order: kernel, as written, program
        Owner owner;
    };
    static constexpr uint32_t kPending = UINT32_MAX;
    static constexpr Owner kAny{};

    static Owner owner_of(const etl::Record& record) noexcept {
        return {record.hook_id, record.hook_id == 0 ? uint16_t{0} : record.cpu};
    }
    void define(uint64_t key, Bytes addresses, uint8_t address_size, bool ends);
    void refer(Join join, uint64_t key);
    uint32_t keep(Bytes addresses, uint8_t address_size);
    static std::set<Owner> owners_of(std::vector<Join>& parts);
    uint32_t combine(const std::vector<Join>& parts, Owner owner);
    void account();
    const Join* find_thread(size_t at, const etl::Record& record) const;
    const Join* find_named(size_t at, const etl::Record& record) const;

    struct Before {
        int64_t time = 0;
        Owner record{};
    };
    Before before_;
    std::vector<std::byte> addresses_;
    std::vector<Frames> frames_;
    std::unordered_multimap<uint64_t, uint32_t> by_hash_;  // equal stacks are kept once
    std::vector<Join> joins_;                              // up to finished_ by time, then thread
    size_t finished_ = 0;
    std::unordered_map<uint64_t, std::vector<uint32_t>> pending_;  // by key: joins that wait for it
    std::unordered_map<uint64_t, uint32_t> defined_;               // keys whose frames are known
    size_t bytes_ = 0;
    uint64_t dropped_ = 0;
};

// Whether a record is one of those that StackTable takes.
bool is_stack_record(const etl::Record& record) noexcept;

}  // namespace etw::decode
