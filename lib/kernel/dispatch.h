// Which tracepoints are wanted and who converts their events.
#pragma once
#include "etw/kernel_flags.h"
#include "kernel/events/record_builder.h"
#include "kernel/events/tasks.h"
#include "kernel/tracefs/format.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace etw::kernel {

struct Tracepoint {
    std::string system;
    std::string name;
    std::string filter;  // the kernel's own; empty: every event

    friend bool operator==(const Tracepoint&, const Tracepoint&) = default;
};

class Dispatch {
public:
    using LoadFormat =
        std::function<Result<Format>(const std::string& system, const std::string& name)>;
    using Handler = std::function<void(const RawEvent&)>;
    // Picks its fields once and returns what handles the events.
    using MakeHandler = std::function<Handler(const Format&)>;

    explicit Dispatch(LoadFormat load) : load_(std::move(load)) {}

    // False where the running kernel has no such tracepoint. Several handlers of one tracepoint are
    // called in the order in which they came.
    bool on(const std::string& system, const std::string& name, const MakeHandler& make,
            const std::string& filter = {});

    const std::vector<Tracepoint>& wanted() const noexcept { return wanted_; }
    // The id of a tracepoint that is wanted; 0: it is not.
    uint16_t id_of(const std::string& name) const;
    void operator()(const RawEvent& event) const {
        const uint16_t id = event.id();
        if (id >= handlers_.size()) return;
        for (const Handler& handle : handlers_[id]) handle(event);
    }

private:
    LoadFormat load_;
    std::vector<Tracepoint> wanted_;
    std::vector<uint16_t> ids_;                   // of wanted_
    std::vector<std::vector<Handler>> handlers_;  // by id
};

// What the converters of all classes share.
struct Context {
    RecordSink& sink;
    Tasks& tasks;
    uint64_t counter_hz = 1;
    uint32_t flags = 0;                               // KernelFlag
    std::optional<std::vector<uint32_t>> only = {};   // processes that are told of; else all
    size_t longest_record = RecordBuilder::kMaxSize;  // that LongRecordBuilder may make

    bool concerns(uint32_t process) const {
        return !only || std::find(only->begin(), only->end(), process) != only->end();
    }
    bool has(uint32_t flag) const noexcept { return (flags & flag) != 0; }
    RecordIds ids(uint32_t thread) const { return {thread, tasks.process_of(thread)}; }
    // Of a time span of the counter; saturates.
    uint32_t milliseconds(int64_t ticks) const noexcept {
        const uint64_t per_ms = std::max<uint64_t>(counter_hz / 1000, 1);
        return ticks <= 0 ? 0 : uint32_t(std::min<uint64_t>(uint64_t(ticks) / per_ms, ~0u));
    }
};

}  // namespace etw::kernel
