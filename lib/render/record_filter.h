// Which records are wanted: by time, process, provider, event and level. Options of one kind are
// alternatives, those of different kinds have to hold together.
#pragma once
#include "etw/decoder.h"
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/pipeline.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace etw::render {

// A moment: FILETIME, or 100 ns units from the first record's time.
struct Moment {
    int64_t ticks = 0;
    bool relative = false;
};

struct IdRange {
    uint16_t first = 0, last = 0;  // both included
};

// Patterns are texts in which * stands for any characters and ? for one; letters match in any case.
struct FilterOptions {
    std::optional<Moment> from, to;  // both included
    std::vector<uint32_t> processes;
    std::vector<std::string> process_names;  // patterns
    std::vector<Guid> providers;
    std::vector<std::string> provider_names;  // patterns
    std::vector<IdRange> ids;
    std::vector<std::string> events;  // patterns: "Name", or "Class/Opcode" of a kernel event
    std::optional<uint8_t> level;     // at most; 0, as on Windows, belongs to every level

    bool empty() const;
};

// What a record says of others, so that exports may need it whatever is asked for.
enum class Describes : uint8_t {
    kNothing,
    kEvents,     // a manifest in the log, or an event's description that a merge added
    kProcesses,  // their names
    kMachine,    // threads, images, and how the system is made up
};
Describes describes(const etl::Record& record) noexcept;

// Two steps: what a record's header decides comes first and costs no decoding. Process names are
// those of the kernel's process events so far, so the first step sees the records in their order.
class RecordFilter {
public:
    explicit RecordFilter(FilterOptions options);
    RecordFilter(RecordFilter&&) noexcept;
    ~RecordFilter();

    bool wants(const etl::Record& record, int64_t time);
    // Of a record that the first step wants. May be called by any number of threads.
    bool wants(const etl::Record& record, const decode::Event& event) const;

    bool active() const noexcept { return active_; }
    // A process was asked for by name, and no record has named any.
    bool lacks_process_names() const noexcept { return !names_seen_ && by_name_; }

private:
    bool wants_process(const etl::Record& record) const;
    bool wants_id(const etl::Record& record) const;
    bool wants_provider(const etl::Record& record) const;
    void learn_name(const etl::Record& record);

    FilterOptions options_;
    bool active_;
    bool by_name_;
    bool names_seen_ = false;
    std::optional<int64_t> from_, to_;  // FILETIME; of relative moments once there is a record
    bool started_ = false;
    std::unordered_set<uint32_t> named_;  // processes whose names match
    std::unique_ptr<decode::Decoder> decoder_;
    decode::Event event_;
};

// A source without the records that the first step leaves out.
class FilteredSource final : public RecordSource {
public:
    FilteredSource(RecordSource& source, RecordFilter& filter) : source_(source), filter_(filter) {}
    bool next(etl::Record& record, const etl::TimeConverter*& clock) override;
    bool ready() override { return source_.ready(); }
    uint64_t left_out() const noexcept { return left_out_; }

private:
    RecordSource& source_;
    RecordFilter& filter_;
    uint64_t left_out_ = 0;
};

}  // namespace etw::render
