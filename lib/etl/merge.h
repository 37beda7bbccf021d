// Brings streams into one order by time. Whose time is equal go in the order they were added.
#pragma once
#include "base/wide.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace etw::etl {

// The best stream is held out of the heap: a processor's records come in runs, and as long as the
// run lasts one comparison is all that a record costs.
class Merge {
public:
    void add(int64_t time, uint32_t stream) {
        heap_.push_back({time, stream});
        std::push_heap(heap_.begin(), heap_.end(), Later{});
    }

    // Takes the best stream out; false if there is none.
    bool pop(uint32_t& stream) {
        if (heap_.empty()) return false;
        stream = heap_.front().stream;
        std::pop_heap(heap_.begin(), heap_.end(), Later{});
        heap_.pop_back();
        return true;
    }

    // The best of `stream`, which is at `time`, and those in the heap; the others stay there.
    uint32_t best(int64_t time, uint32_t stream) {
        const Key own{time, stream};
        if (heap_.empty() || !Later{}(own, heap_.front())) return stream;
        const uint32_t best = heap_.front().stream;
        replace_front(own);
        return best;
    }

private:
    struct Key {
        int64_t time;
        uint32_t stream;
    };
    // As one number: a short circuit would be a branch that nobody can predict.
    struct Later {
        bool operator()(const Key& a, const Key& b) const noexcept {
            return (Wide{a.time} << 64 | a.stream) > (Wide{b.time} << 64 | b.stream);
        }
    };

    void replace_front(Key key) {
        size_t at = 0;
        for (size_t child = 1; child < heap_.size(); child = 2 * at + 1) {
            if (child + 1 < heap_.size()) child += Later{}(heap_[child], heap_[child + 1]);
            if (!Later{}(key, heap_[child])) break;
            heap_[at] = heap_[child];
            at = child;
        }
        heap_[at] = key;
    }

    std::vector<Key> heap_;
};

}  // namespace etw::etl
