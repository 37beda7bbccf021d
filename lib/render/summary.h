// How often each kind of event occurred.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/kernel_summary.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace etw::render {

struct SummaryRow {
    std::string name;  // event, or class of a kernel event
    std::string type;  // opcode of a kernel event, provider of others, number of an unknown event
    Guid guid;         // provider, class or message
    uint64_t count = 0;
};

class Summary {
public:
    // Counts an event; by its kind too, for rows() and kernel(), if `by_kind`.
    void add(const etl::Record& record, const decode::Event& event, bool by_kind = true);
    void leave_out(uint64_t events = 1) noexcept { left_out_ += events; }  // by a filter
    void merge(const Summary& other);

    // Most frequent first, then by name, type and GUID.
    std::vector<SummaryRow> rows() const;
    const KernelSummary& kernel() const noexcept { return kernel_; }
    uint64_t events() const noexcept { return events_; }
    uint64_t unknown() const noexcept { return unknown_; }  // nothing describes them
    // Description and payload disagree, or the text asks for a value that there is not.
    uint64_t malformed() const noexcept { return malformed_; }
    uint64_t left_out() const noexcept { return left_out_; }  // not among the others

private:
    // A file can name as many different events as it has records. Of more than these many the first
    // by GUID and name have a row, the others one together: those that come first would be others
    // for each number of threads.
    static constexpr size_t kMaxRows = 65'536;
    static constexpr size_t kRecent = 64;
    struct Key {
        Guid guid;
        std::string name, type;
        auto operator<=>(const Key&) const = default;
    };
    struct View {
        const Guid& guid;
        std::string_view name, type;
    };
    using Rows = std::map<Key, uint64_t>;

    static size_t recent_slot(const View& view) noexcept;
    uint64_t& find(const View& view);
    uint64_t& insert(Key key);

    Rows rows_;
    KernelSummary kernel_;
    // Most events are of a few kinds: where their rows are, by hash.
    std::array<Rows::value_type*, kRecent> recent_{};
    uint64_t others_ = 0;  // events without a row of their own
    uint64_t events_ = 0, unknown_ = 0, malformed_ = 0, left_out_ = 0;
};

}  // namespace etw::render
