#include "decode/stack_table.h"

#include "decode/blob_cache.h"
#include "etl/kernel_class.h"

#include <algorithm>

namespace etw::decode {
namespace {

constexpr uint8_t kGroupStack = 0x18;
constexpr uint32_t kNoThread = UINT32_MAX;  // in headers that do not name it

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
            Join join{reference.time, reference.thread, reference.process, kPending, kAsWritten};
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

// The parts of one event's stack as one.
uint32_t StackTable::combine(const std::vector<Join>& parts) {
    std::vector<std::byte> all;
    const uint8_t address_size = frames_[parts.front().frames].address_size;
    for (const Join& part : parts) {
        const Frames frames = frames_[part.frames];
        if (frames.address_size != address_size || all.size() + frames.size > UINT16_MAX) continue;
        const auto at = addresses_.begin() + frames.at;
        all.insert(all.end(), at, at + frames.size);
    }
    return keep(all, address_size);
}

void StackTable::finish() {
    std::erase_if(joins_, [](const Join& join) { return join.frames == kPending; });
    std::stable_sort(joins_.begin(), joins_.end(), [](const Join& a, const Join& b) {
        if (a.time != b.time) return a.time < b.time;
        return a.thread != b.thread ? a.thread < b.thread : a.part < b.part;
    });
    std::vector<Join> parts;
    size_t kept = 0;
    for (size_t i = 0; i < joins_.size();) {
        parts.clear();
        const Join first = joins_[i];
        for (;
             i < joins_.size() && joins_[i].time == first.time && joins_[i].thread == first.thread;
             ++i) {
            parts.push_back(joins_[i]);
        }
        joins_[kept] = first;
        if (parts.size() > 1) joins_[kept].frames = combine(parts);
        ++kept;
    }
    joins_.resize(kept);
    joins_.shrink_to_fit();
    by_hash_ = {};
    pending_ = {};
    defined_ = {};
}

// Of the stacks of a time, which begin at `at`, that of a thread.
const StackTable::Join* StackTable::find_thread(size_t at, int64_t time, uint32_t thread) const {
    const auto first = joins_.begin() + std::ptrdiff_t(at);
    const auto found = std::partition_point(first, joins_.end(), [&](const Join& join) {
        return join.time == time && join.thread < thread;
    });
    const bool matches = found != joins_.end() && found->time == time && found->thread == thread;
    return matches ? &*found : nullptr;
}

// That of the thread which the payload names; the only one is the event's in any case.
const StackTable::Join* StackTable::find_named(size_t at, int64_t time, Bytes payload) const {
    constexpr size_t kMaxAtOnce = 64;  // processors that are looked at: each has but one such event
    size_t end = at;
    while (end < joins_.size() && end - at < kMaxAtOnce && joins_[end].time == time) ++end;
    if (end - at == 1) return &joins_[at];
    for (size_t i = at; i < end; ++i) {
        if (names_thread(payload, joins_[i].thread)) return &joins_[i];
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
    const Join* const found = record.thread_id != kNoThread
                                  ? find_thread(at, time, record.thread_id)
                                  : find_named(at, time, record.payload);
    if (found == nullptr) return {};
    const Frames& frames = frames_[found->frames];
    return {Bytes(addresses_).subspan(frames.at, frames.size), frames.address_size, found->process};
}

}  // namespace etw::decode
