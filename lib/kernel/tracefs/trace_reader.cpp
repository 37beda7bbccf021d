#include "kernel/tracefs/trace_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>

namespace etw::kernel {
namespace {

constexpr size_t kMaxPages = 256;  // of one CPU, in memory at a time

}  // namespace

Result<TraceReader> TraceReader::open(const Instance& instance, TraceClock clock, uint32_t cpus) {
    TraceReader out;
    out.clock_ = clock;
    out.page_size_ = size_t(::sysconf(_SC_PAGESIZE));
    ETW_CHECK(out.add(instance, cpus, 0));
    return out;
}

Status TraceReader::add(const Instance& instance, uint32_t cpus, uint8_t source) {
    std::vector<Lane> lanes;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        Lane& lane = lanes.emplace_back();
        lane.cpu = cpu;
        lane.source = source;
        ETW_TRY(lane.pipe, instance.open_pipe(cpu));
    }
    std::move(lanes.begin(), lanes.end(), std::back_inserter(lanes_));
    return Ok{};
}

void TraceReader::drop(uint8_t source) {
    std::erase_if(lanes_, [source](const Lane& lane) { return lane.source == source; });
}

std::vector<int> TraceReader::fds() const {
    std::vector<int> out;
    for (const Lane& lane : lanes_) {
        if (lane.is_there) out.push_back(lane.pipe.get());  // others are always "ready"
    }
    return out;
}

bool TraceReader::read_page(Lane& lane, const Dispatch* look, const Taken& taken) {
    Page page;
    if (free_.empty()) {
        page.bytes = std::make_unique<std::byte[]>(page_size_);
    } else {
        page.bytes = std::move(free_.back());
        free_.pop_back();
    }
    const ssize_t n = ::read(lane.pipe.get(), page.bytes.get(), page_size_);
    lane.is_there = n >= 0 || errno != ENODEV;
    if (n <= 0) {
        free_.push_back(std::move(page.bytes));
        return false;
    }
    page.size = size_t(n);
    PageWalker walker(Bytes(page.bytes.get(), page.size));
    for (PageWalker::Event event; walker.next(event); ++lane.count) {
        if (taken) taken(lane.source);
        lane.read_to = std::max(lane.read_to, clock_.to_counter(event.time));
    }
    if (look != nullptr) {
        PageWalker again(Bytes(page.bytes.get(), page.size));
        for (PageWalker::Event event; again.next(event);) {
            (*look)({lane.cpu, clock_.to_counter(event.time), event.data, lane.source});
        }
    }
    lane.pages.push_back(std::move(page));
    if (!lane.has_event) advance(lane);
    return true;
}

// No event in its pages is later.
int64_t TraceReader::end_of(const Lane& lane) const {
    int64_t end = lane.last_time;
    for (auto page = lane.pages.rbegin(); page != lane.pages.rend(); ++page) {
        PageWalker walker(Bytes(page->bytes.get(), page->size));
        bool any = false;
        for (PageWalker::Event event; walker.next(event);) {
            end = std::max(end, clock_.to_counter(event.time));
            any = true;
        }
        if (any) break;
    }
    return end;
}

int64_t TraceReader::read(int64_t now, const Dispatch* look, const Taken& taken) {
    int64_t until = now;
    has_more_ = false;
    for (Lane& lane : lanes_) {
        // Only the first source tells of processes.
        const Dispatch* shown = lane.source == 0 ? look : nullptr;
        // No further than `now`: where system calls are recorded, each read makes an event that the
        // next one would find. What is later on the last page is kept for the next call.
        while (lane.pages.size() < kMaxPages && lane.read_to <= now &&
               read_page(lane, shown, taken)) {
        }
        if (lane.pages.size() < kMaxPages) continue;
        const int64_t end = end_of(lane);
        if (end >= now) continue;
        has_more_ = true;
        until = std::min(until, end);
    }
    return until;
}

void TraceReader::advance(Lane& lane) {
    lane.has_event = false;
    while (!lane.pages.empty()) {
        if (!lane.walker) {
            const Page& page = lane.pages.front();
            lane.walker.emplace(Bytes(page.bytes.get(), page.size));
        }
        PageWalker::Event event;
        if (lane.walker->next(event)) {
            lane.last_time = std::max(lane.last_time, clock_.to_counter(event.time));
            lane.event = {lane.cpu, lane.last_time, event.data, lane.source};
            lane.has_event = true;
            return;
        }
        if (lane.walker->damaged()) ++damaged_;
        lane.walker.reset();
        if (free_.size() < kMaxPages) free_.push_back(std::move(lane.pages.front().bytes));
        lane.pages.pop_front();
    }
}

uint64_t TraceReader::count() const noexcept {
    uint64_t sum = 0;
    for (const Lane& lane : lanes_) sum += lane.count;
    return sum;
}

uint64_t TraceReader::count_rest() {
    uint64_t count = 0;
    do {
        read(std::numeric_limits<int64_t>::max(), nullptr);
        for_each(std::numeric_limits<int64_t>::max(), [&count](const RawEvent&) {
            ++count;
            return true;
        });
    } while (has_more_);
    return count;
}

TraceReader::Lane* TraceReader::earliest(int64_t until, int64_t& next_of_others) {
    Lane* best = nullptr;
    next_of_others = until;
    for (Lane& lane : lanes_) {
        if (!lane.has_event || lane.event.time > until) continue;
        if (best == nullptr || lane.event.time < best->event.time) {
            if (best != nullptr) next_of_others = std::min(next_of_others, best->event.time);
            best = &lane;
        } else {
            next_of_others = std::min(next_of_others, lane.event.time);
        }
    }
    return best;
}

}  // namespace etw::kernel
