// Looks at the records of a log on several threads, a few buffers at a time: who wants to know what
// a log has, and does not ask in which order, need not wait for one thread that merges.
#pragma once
#include "etl/buffer_index.h"

#include <atomic>
#include <functional>
#include <span>

namespace etw::etl {

class Survey {
public:
    Survey(const ByteSource& source, const BufferIndex& index);

    // What LogReader::survey() says. Once.
    bool run(std::span<RecordVisitor* const> visitors, const std::function<bool(uint64_t)>& go_on);
    // By position in BufferIndex::buffers: not 0 if a visitor asked for the buffer.
    const std::vector<uint8_t>& wanted() const noexcept { return wanted_; }

private:
    void work(RecordVisitor& visitor, const std::function<bool(uint64_t)>* go_on);
    void look_through(BufferRun part, RecordVisitor& visitor);

    const ByteSource& source_;
    const BufferIndex& index_;
    std::vector<BufferRun> parts_;   // what a thread takes at once; each of one processor
    std::vector<uint8_t> wanted_;    // bytes: threads set neighbours
    std::atomic<size_t> next_{0};    // of parts_
    std::atomic<uint64_t> done_{0};  // bytes
    std::atomic<bool> stop_{false};
};

}  // namespace etw::etl
