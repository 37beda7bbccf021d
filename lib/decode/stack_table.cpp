#include "decode/stack_table.h"

#include "decode/blob_cache.h"
#include "etl/kernel_class.h"

#include <algorithm>
#include <unordered_set>

namespace etw::decode {
namespace {

constexpr uint8_t kGroupStack = 0x18;
constexpr uint32_t kNoThread = UINT32_MAX;  // in headers that do not name it
constexpr size_t kMaxOwners = 16;           // events of a thread at one time that are told apart

enum Opcode : uint8_t {
    kStack = 0x20,
    kKeyCreate = 0x22,
    kKeyDelete = 0x23,
    kKeyRundown = 0x24,
    kKernelKey = 0x25,
    kUserKey = 0x26,
};
enum Part : uint8_t { kKernelPart, kAsWritten, kUserPart };

// What both forms of a reference begin with.
struct Reference {
    int64_t time;
    uint32_t process;
    uint32_t thread;
};

uint64_t read_pointer(Bytes bytes, uint8_t size) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), size);
    return value;
}

// Events whose header names no thread name it in their payload, if anywhere.
bool names_thread(Bytes payload, uint32_t thread) {
    for (size_t at = 0; payload.size() - at >= sizeof(thread); at += sizeof(thread)) {
        uint32_t word = 0;
        std::memcpy(&word, payload.data() + at, sizeof(word));
        if (word == thread) return true;
    }
    return false;
}

}  // namespace

bool is_stack_record(const etl::Record& record) noexcept {
    if (record.hook_id != 0) return record.hook_id >> 8 == kGroupStack;
    switch (record.type) {
        case wire::HeaderType::kFull32:
        case wire::HeaderType::kFull64:
            return record.provider == etl::kernel_class(kGroupStack);
        default:
            return false;
    }
}

void StackTable::add(const etl::Record& record) {
    if (bytes_ > kMaxBytes) {
        ++dropped_;
        return;
    }
    const uint8_t address_size = record.is_64_bit ? 8 : 4;
    const Bytes payload = record.payload;
    switch (record.descriptor.opcode) {
        case kStack:
        case kKernelKey:
        case kUserKey: {
            Reference reference{};
            if (payload.size() < sizeof(reference)) return;
            std::memcpy(&reference, payload.data(), sizeof(reference));
            const Bytes rest = payload.subspan(sizeof(reference));
            const bool is_right_behind = record.time_stamp == reference.time &&
                                         before_.time == reference.time &&
                                         before_.record.cpu == record.cpu;
            Join join{reference.time, reference.thread, reference.process,
                      kPending,       kAsWritten,       is_right_behind ? before_.record : kAny};
            if (record.descriptor.opcode == kStack) {
                join.frames = keep(rest, address_size);
                joins_.push_back(join);
            } else if (rest.size() >= address_size) {
                join.part = record.descriptor.opcode == kKernelKey ? kKernelPart : kUserPart;
                refer(join, read_pointer(rest, address_size));
            }
            break;
        }
        case kKeyCreate:
        case kKeyDelete:
        case kKeyRundown:
            if (payload.size() < address_size) return;
            define(read_pointer(payload, address_size), payload.subspan(address_size), address_size,
                   record.descriptor.opcode == kKeyDelete);
            break;
        default:
            return;
    }
    account();
}

void StackTable::refer(Join join, uint64_t key) {
    const auto known = defined_.find(key);
    if (known != defined_.end()) {
        join.frames = known->second;
    } else {
        pending_[key].push_back(uint32_t(joins_.size()));
    }
    joins_.push_back(join);
}

// A key may come to stand for another stack once it was deleted.
void StackTable::define(uint64_t key, Bytes addresses, uint8_t address_size, bool ends) {
    const uint32_t frames = keep(addresses, address_size);
    const auto waiting = pending_.find(key);
    if (waiting != pending_.end()) {
        for (const uint32_t join : waiting->second) joins_[join].frames = frames;
        pending_.erase(waiting);
    }
    if (ends) {
        defined_.erase(key);
    } else {
        defined_[key] = frames;
    }
}

uint32_t StackTable::keep(Bytes addresses, uint8_t address_size) {
    const Bytes whole = addresses.first(addresses.size() / address_size * address_size);
    const uint64_t hash = hash_bytes(whole) + address_size;
    for (auto [at, end] = by_hash_.equal_range(hash); at != end; ++at) {
        const Frames& known = frames_[at->second];
        if (known.size == whole.size() && known.address_size == address_size &&
            std::equal(whole.begin(), whole.end(), addresses_.begin() + known.at)) {
            return at->second;
        }
    }
    const auto index = uint32_t(frames_.size());
    frames_.push_back({uint32_t(addresses_.size()), uint16_t(whole.size()), address_size});
    addresses_.insert(addresses_.end(), whole.begin(), whole.end());
    by_hash_.emplace(hash, index);
    return index;
}

void StackTable::account() {
    constexpr size_t kNode = 64;  // of a hash table, about
    bytes_ = addresses_.size() + frames_.size() * (sizeof(Frames) + kNode) +
             joins_.size() * (sizeof(Join) + sizeof(uint32_t)) +
             (pending_.size() + defined_.size()) * kNode;
}

// Which events of a thread at one time have a stack; where these are too many, all as one.
std::set<StackTable::Owner> StackTable::owners_of(std::vector<Join>& parts) {
    std::set<Owner> out;
    for (const Join& part : parts) out.insert(part.owner);
    if (out.size() <= kMaxOwners) return out;
    for (Join& part : parts) part.owner = kAny;
    return {kAny};
}

// The parts of one event's stack as one; what several events of one call have is told once.
uint32_t StackTable::combine(const std::vector<Join>& parts, Owner owner) {
    std::vector<std::byte> all;
    std::unordered_set<uint32_t> told;
    uint8_t address_size = 0;
    for (const Join& part : parts) {
        const bool is_of_it = part.owner == owner || part.owner == kAny;
        if (!is_of_it || !told.insert(part.frames).second) continue;
        const Frames frames = frames_[part.frames];
        if (address_size == 0) address_size = frames.address_size;
        if (frames.address_size != address_size || all.size() + frames.size > UINT16_MAX) continue;
        const auto at = addresses_.begin() + frames.at;
        all.insert(all.end(), at, at + frames.size);
    }
    return told.size() == 1 ? *told.begin() : keep(all, address_size);
}

void StackTable::finish() {
    const auto is_earlier = [](const Join& a, const Join& b) {
        return a.time != b.time ? a.time < b.time : a.thread < b.thread;
    };
    // What a log before has is as it shall be.
    const auto fresh = [this] { return joins_.begin() + std::ptrdiff_t(finished_); };
    const auto is_pending = [](const Join& join) { return join.frames == kPending; };
    joins_.erase(std::remove_if(fresh(), joins_.end(), is_pending), joins_.end());
    std::stable_sort(fresh(), joins_.end(), [&](const Join& a, const Join& b) {
        const bool same = a.time == b.time && a.thread == b.thread;
        return same ? a.part < b.part : is_earlier(a, b);
    });
    std::vector<Join> parts;
    size_t kept = finished_;
    for (size_t i = finished_; i < joins_.size();) {
        parts.clear();
        const Join first = joins_[i];
        for (;
             i < joins_.size() && joins_[i].time == first.time && joins_[i].thread == first.thread;
             ++i) {
            parts.push_back(joins_[i]);
        }
        if (parts.size() == 1) {
            joins_[kept++] = first;
            continue;
        }
        for (const Owner owner : owners_of(parts)) {
            joins_[kept] = first;
            joins_[kept].owner = owner;
            joins_[kept].frames = combine(parts, owner);
            ++kept;
        }
    }
    joins_.resize(kept);
    joins_.shrink_to_fit();
    std::inplace_merge(joins_.begin(), fresh(), joins_.end(), is_earlier);
    finished_ = joins_.size();
    by_hash_ = {};
    pending_ = {};
    defined_ = {};
}

// Of the stacks of the record's time, which begin at `at`, that of its thread.
const StackTable::Join* StackTable::find_thread(size_t at, const etl::Record& record) const {
    const auto first = joins_.begin() + std::ptrdiff_t(at);
    auto join = std::partition_point(first, joins_.end(), [&](const Join& j) {
        return j.time == record.time_stamp && j.thread < record.thread_id;
    });
    const Join* any = nullptr;
    for (; join != joins_.end() && join->time == record.time_stamp &&
           join->thread == record.thread_id;
         ++join) {
        if (join->owner == kAny) any = &*join;
        if (join->owner == owner_of(record)) return &*join;
    }
    return any;
}

// That of the thread which the payload names; the only one is the event's in any case.
const StackTable::Join* StackTable::find_named(size_t at, const etl::Record& record) const {
    constexpr size_t kMaxAtOnce = 64;  // processors that are looked at: each has but one such event
    const auto begin = joins_.begin() + std::ptrdiff_t(at);
    auto end = begin;
    while (end != joins_.end() && size_t(end - begin) < kMaxAtOnce &&
           end->time == record.time_stamp) {
        ++end;
    }
    for (const Owner owner : {owner_of(record), kAny}) {
        const auto is_its = [owner](const Join& join) { return join.owner == owner; };
        const auto only = std::find_if(begin, end, is_its);
        if (only == end) continue;
        if (std::find_if(only + 1, end, is_its) == end) return &*only;
        for (auto join = only; join != end; ++join) {
            if (is_its(*join) && names_thread(record.payload, join->thread)) return &*join;
        }
    }
    return nullptr;
}

Stack StackTable::find(const etl::Record& record, size_t& hint) const {
    const int64_t time = record.time_stamp;
    const auto before = [](const Join& join, int64_t t) { return join.time < t; };
    size_t at = std::min(hint, joins_.size());
    const bool near =
        (at == 0 || joins_[at - 1].time < time) && (at == joins_.size() || joins_[at].time >= time);
    if (!near) {
        at = size_t(std::lower_bound(joins_.begin(), joins_.end(), time, before) - joins_.begin());
    }
    hint = at;
    if (at == joins_.size() || joins_[at].time != time) return {};
    const Join* const found =
        record.thread_id != kNoThread ? find_thread(at, record) : find_named(at, record);
    if (found == nullptr) return {};
    const Frames& frames = frames_[found->frames];
    return {Bytes(addresses_).subspan(frames.at, frames.size), frames.address_size, found->process};
}

}  // namespace etw::decode
