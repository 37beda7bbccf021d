#include "kernel/tracefs/page_walker.h"

namespace etw::kernel {
namespace {

constexpr size_t kPageHeaderSize = 16;
constexpr uint64_t kCommitMask = (uint64_t{1} << 27) - 1;
constexpr uint64_t kMissedEvents = uint64_t{1} << 31;
constexpr uint32_t kTypeBits = 5;
constexpr uint32_t kDeltaBits = 27;
constexpr uint32_t kLongData = 0;
constexpr uint32_t kPadding = 29;
constexpr uint32_t kTimeExtend = 30;
constexpr uint32_t kTimeStamp = 31;
// An absolute time has 59 bits; those above are the page's.
constexpr uint64_t kAbsoluteMask = (uint64_t{1} << 59) - 1;

}  // namespace

PageWalker::PageWalker(Bytes page) noexcept {
    if (page.size() < kPageHeaderSize) {
        damaged_ = !page.empty();
        return;
    }
    uint64_t commit = 0;
    std::memcpy(&time_, page.data(), sizeof(time_));
    std::memcpy(&commit, page.data() + sizeof(time_), sizeof(commit));
    missed_ = (commit & kMissedEvents) != 0;
    data_ = page.subspan(kPageHeaderSize);
    const uint64_t size = commit & kCommitMask;
    if (size > data_.size()) {
        damaged_ = true;
        data_ = {};
        return;
    }
    data_ = data_.first(size_t(size));
}

bool PageWalker::take_u32(uint32_t& out) noexcept {
    if (data_.size() - pos_ < sizeof(out)) return false;
    std::memcpy(&out, data_.data() + pos_, sizeof(out));
    pos_ += sizeof(out);
    return true;
}

bool PageWalker::fail() noexcept {
    damaged_ = true;
    pos_ = data_.size();
    return false;
}

bool PageWalker::next(Event& out) noexcept {
    while (pos_ < data_.size()) {
        uint32_t header = 0;
        if (!take_u32(header)) return fail();
        const uint32_t type = header & ((1u << kTypeBits) - 1);
        const uint64_t delta = header >> kTypeBits;
        uint32_t value = 0;
        size_t size = size_t{type} * 4;
        if (type == kTimeExtend || type == kTimeStamp) {
            if (!take_u32(value)) return fail();
            const uint64_t wide = (uint64_t{value} << kDeltaBits) + delta;
            time_ = type == kTimeExtend ? time_ + wide
                                        : (wide & kAbsoluteMask) | (time_ & ~kAbsoluteMask);
            continue;
        }
        if (type == kPadding) {
            if (delta == 0) {
                pos_ = data_.size();
                return false;
            }
            if (!take_u32(value) || value < sizeof(value)) return fail();
            if (value - sizeof(value) > data_.size() - pos_) return fail();
            pos_ += value - sizeof(value);
            time_ += delta;
            continue;
        }
        if (type == kLongData) {
            if (!take_u32(value) || value < sizeof(value)) return fail();
            size = (value - sizeof(value) + 3) & ~size_t{3};
        }
        if (size > data_.size() - pos_) return fail();
        time_ += delta;
        out = {time_, data_.subspan(pos_, size)};
        pos_ += size;
        return true;
    }
    return false;
}

}  // namespace etw::kernel
