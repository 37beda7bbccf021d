// The texts tracefmt prints around the events, laid out as Windows' tool lays them out.
#pragma once
#include "etw/log_reader.h"
#include "render/summary.h"

#include <span>
#include <string>
#include <vector>

namespace etw::cli {

struct FormatTotals {
    uint64_t buffers = 0;
    uint64_t events = 0;
    uint64_t events_lost = 0;
    uint64_t buffers_lost = 0;
    uint64_t damaged_buffers = 0;
    uint64_t damaged_records = 0;
    uint64_t format_errors = 0;
    uint64_t unknown = 0;
    uint64_t left_out = 0;  // by the filter options; not among the events
    int64_t elapsed = 0;    // 100 ns units

    bool lost_anything() const {
        return events_lost + buffers_lost + damaged_buffers + damaged_records != 0;
    }
};

// "Logfile x.etl:" and its header fields.
std::string log_header_text(const std::string& path, const etl::LogReader& reader, bool utc);
// What -v shows: "06/10/2005-21:25:45.539 ::        1: Filled=     696, Lost=  0 TotalLost= 0" for
// each buffer, its time in UTC.
std::string buffers_text(std::span<const etl::BufferInfo> buffers);
// "Processing completed   Buffers: ..."
std::string completed_text(const FormatTotals& totals);
// The summary file, for people and as a JSON document.
std::string summary_json(std::span<const std::string> inputs, const FormatTotals& totals,
                         const render::Summary& summary);
std::string summary_text(std::span<const std::string> inputs, const FormatTotals& totals,
                         const render::Summary& summary);

}  // namespace etw::cli
