#include "etl/survey.h"

#include "etl/stream.h"

#include <thread>

namespace etw::etl {
namespace {

// Few enough that all threads end at about the same time, many enough that memory for a buffer is
// asked for seldom.
constexpr size_t kPartBuffers = 16;

}  // namespace

Survey::Survey(const ByteSource& source, const BufferIndex& index)
    : source_(source), index_(index), wanted_(index.buffers.size()) {
    for (const BufferRun& run : index.runs) {
        for (size_t first = run.first; first < run.last; first += kPartBuffers) {
            parts_.push_back({first, std::min(first + kPartBuffers, run.last)});
        }
    }
}

bool Survey::run(std::span<RecordVisitor* const> visitors,
                 const std::function<bool(uint64_t)>& go_on) {
    std::vector<std::thread> others;
    for (RecordVisitor* const visitor : visitors.subspan(1)) {
        others.emplace_back([this, visitor] { work(*visitor, nullptr); });
    }
    work(*visitors.front(), &go_on);
    for (std::thread& thread : others) thread.join();
    // The others may have taken all there was.
    return !stop_ && (!go_on || go_on(done_));
}

void Survey::work(RecordVisitor& visitor, const std::function<bool(uint64_t)>* go_on) {
    while (!stop_) {
        const size_t part = next_.fetch_add(1);
        if (part >= parts_.size()) return;
        look_through(parts_[part], visitor);
        if (go_on != nullptr && *go_on && !(*go_on)(done_)) stop_ = true;
    }
}

void Survey::look_through(BufferRun part, RecordVisitor& visitor) {
    DamageLog damage;  // found again, and counted, by who reads the log in order
    StreamContext context{source_, index_, damage, {}, 0};
    Stream stream(part);
    Record record;
    for (bool more = stream.start(context); more; more = stream.advance(context)) {
        if (stream.describes_itself()) continue;
        if (stream.read(context, record) && visitor.visit(record)) wanted_[stream.buffer()] = 1;
    }
    done_ += context.consumed;
}

}  // namespace etw::etl
