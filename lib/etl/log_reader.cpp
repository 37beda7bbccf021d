#include "etw/log_reader.h"

#include "etl/load.h"
#include "etl/merge.h"
#include "etl/stream.h"
#include "etl/survey.h"
#include "etw/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace etw::etl {

void DamageLog::note(const char* unit, uint64_t offset, const char* what) {
    if (damage_.first.empty()) damage_.first = fmt::format("{} at {:#x}: {}", unit, offset, what);
}

struct LogReader::Impl {
    explicit Impl(ByteSource from) : source(std::move(from)) {}

    Status open();
    void lay_out();
    bool next(Record& record);
    void start();
    bool step();
    int64_t buffer_time(int64_t stamp) const;

    ByteSource source;
    BufferIndex index;
    DamageLog damage;
    TimeConverter time;
    StreamContext context{source, index, damage, {}, 0};
    std::vector<Stream> streams;  // [0]: the header buffer
    Merge merge;
    uint32_t current = 0;
    bool started = false;
    bool ended = false;
};

Status LogReader::Impl::open() {
    ETW_TRY(index, build_index(source, damage));
    time = TimeConverter(index.header);
    streams.emplace_back(index.runs[0]);
    if (!streams[0].start(context)) return Error{Code::kInvalidData, "no log file header event"};
    lay_out();
    return Ok{};
}

// A stream for each processor that has buffers in the index.
void LogReader::Impl::lay_out() {
    // What belongs to no buffer is passed already, and so is the header buffer.
    context.consumed = source.size();
    for (size_t i = 1; i < index.buffers.size(); ++i) context.consumed -= index.buffers[i].length;
    streams.erase(streams.begin() + 1, streams.end());
    for (size_t i = 1; i < index.runs.size(); ++i) streams.emplace_back(index.runs[i]);
}

// The header event is the first record whatever its time: it starts the clock.
void LogReader::Impl::start() {
    started = true;
    for (uint32_t i = 1; i < streams.size(); ++i) {
        if (streams[i].start(context)) merge.add(streams[i].time(), i);
    }
}

// Sessions stamp buffers by their clock, tools that merge and relog by FILETIME, whose values a
// counter that starts with the machine does not reach.
int64_t LogReader::Impl::buffer_time(int64_t stamp) const {
    constexpr int64_t kYear2000 = 125'911'584'000'000'000;
    return stamp == 0 || stamp >= kYear2000 ? stamp : time.to_filetime(stamp);
}

// Makes the next record in time the current one.
bool LogReader::Impl::step() {
    if (!started) {
        start();
        return true;
    }
    if (streams[current].advance(context)) [[likely]] {
        current = merge.best(streams[current].time(), current);
        return true;
    }
    ended = !merge.pop(current);
    return !ended;
}

bool LogReader::Impl::next(Record& record) {
    while (!ended && step()) {
        if (streams[current].read(context, record)) [[likely]]
            return true;
    }
    return false;
}

LogReader::LogReader(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
LogReader::LogReader(LogReader&&) noexcept = default;
LogReader& LogReader::operator=(LogReader&&) noexcept = default;
LogReader::~LogReader() = default;

Result<LogReader> LogReader::open(const std::string& path) {
    ETW_TRY(ByteSource source, ByteSource::open(path));
    auto impl = std::make_unique<Impl>(std::move(source));
    ETW_CHECK(impl->open());
    return LogReader(std::move(impl));
}

Result<LogReader> LogReader::over(Bytes file) {
    auto impl = std::make_unique<Impl>(ByteSource(file));
    ETW_CHECK(impl->open());
    return LogReader(std::move(impl));
}

const LogHeader& LogReader::header() const noexcept { return impl_->index.header; }
const TimeConverter& LogReader::time() const noexcept { return impl_->time; }
uint64_t LogReader::buffer_count() const noexcept { return impl_->index.count; }
uint64_t LogReader::size_bytes() const noexcept { return impl_->source.size(); }
std::vector<BufferInfo> LogReader::buffers() const {
    std::vector<BufferEntry> entries(impl_->index.buffers);
    if (!entries.empty()) entries.erase(entries.begin());
    std::sort(entries.begin(), entries.end(), [](const BufferEntry& a, const BufferEntry& b) {
        return std::tie(a.sequence, a.offset) < std::tie(b.sequence, b.offset);
    });
    std::vector<BufferInfo> out;
    out.reserve(entries.size());
    Storage storage;
    for (const BufferEntry& entry : entries) {
        const auto bytes = impl_->source.read(entry.offset, sizeof(wire::BufferHeader), storage);
        if (!bytes) continue;
        const auto h = load<wire::BufferHeader>(bytes->data());
        const bool lost = (h.flags & wire::kBufferEventsLost) != 0;
        out.push_back({impl_->buffer_time(h.time_stamp), entry.length, entry.cpu, lost});
    }
    return out;
}

uint64_t LogReader::events_lost() const noexcept { return header().fixed.events_lost; }
uint64_t LogReader::buffers_lost() const noexcept { return header().fixed.buffers_lost; }
bool LogReader::finished() const noexcept { return header().fixed.end_time != 0; }
bool LogReader::survey(std::span<RecordVisitor* const> visitors,
                       const std::function<bool(uint64_t)>& go_on) {
    ETW_ASSERT(!impl_->started && !visitors.empty());
    Survey survey(impl_->source, impl_->index);
    const bool whole = survey.run(visitors, go_on);
    impl_->index.keep(survey.wanted());
    impl_->lay_out();
    return whole;
}
bool LogReader::next(Record& record) { return impl_->next(record); }
uint64_t LogReader::consumed_bytes() const noexcept { return impl_->context.consumed; }
const Damage& LogReader::damage() const noexcept { return impl_->damage.total(); }

}  // namespace etw::etl
