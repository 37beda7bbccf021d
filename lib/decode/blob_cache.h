// Values computed from byte strings that recur: event schemas and provider traits. Bounded, however
// many different strings a file brings.
#pragma once
#include "etw/bytes.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace etw::decode {

inline uint64_t hash_bytes(Bytes bytes) noexcept {
    constexpr uint64_t kMix = 0x9E3779B97F4A7C15u;
    uint64_t hash = bytes.size() * kMix;
    size_t i = 0;
    for (; bytes.size() - i >= 8; i += 8) {
        uint64_t word;
        std::memcpy(&word, bytes.data() + i, 8);
        hash = (hash ^ word) * kMix;
        hash ^= hash >> 32;
    }
    uint64_t tail = 0;
    if (i < bytes.size()) std::memcpy(&tail, bytes.data() + i, bytes.size() - i);
    hash = (hash ^ tail) * kMix;
    return hash ^ hash >> 29;
}

// Sets of kWays entries; a new string replaces an entry of its set. A look-up is one hash and, as a
// rule, one comparison.
template <class T>
class BlobCache {
public:
    // `make(bytes)` is called when the value is not there. The reference is valid until the next
    // call.
    template <class Make>
    const T& get(Bytes blob, Make make) {
        // Events of a kind come in bursts: the last entry is the likely one, and needs no hash.
        if (last_ != nullptr && same(last_->blob, blob)) return *last_->value;
        const uint64_t hash = hash_bytes(blob);
        Entry* const set = &entries_[(hash & (kSets - 1)) * kWays];
        for (size_t i = 0; i < kWays; ++i) {
            if (set[i].value != nullptr && set[i].hash == hash && same(set[i].blob, blob)) {
                last_ = &set[i];
                return *set[i].value;
            }
        }
        Entry& entry = set[next_victim(set)];
        entry.hash = hash;
        entry.blob.assign(blob.begin(), blob.end());
        entry.value = std::make_unique<T>(make(Bytes(entry.blob)));
        last_ = &entry;
        return *entry.value;
    }

private:
    static constexpr size_t kSets = 256;
    static constexpr size_t kWays = 8;
    struct Entry {
        uint64_t hash = 0;
        std::vector<std::byte> blob;
        std::unique_ptr<T> value;
    };

    static bool same(const std::vector<std::byte>& a, Bytes b) {
        return a.size() == b.size() &&
               (b.empty() || std::memcmp(a.data(), b.data(), b.size()) == 0);
    }
    size_t next_victim(const Entry* set) {
        for (size_t i = 0; i < kWays; ++i) {
            if (set[i].value == nullptr) return i;
        }
        return victim_++ % kWays;
    }

    std::vector<Entry> entries_{kSets * kWays};
    const Entry* last_ = nullptr;
    size_t victim_ = 0;
};

}  // namespace etw::decode
