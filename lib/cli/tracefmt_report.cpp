#include "cli/tracefmt_report.h"

#include "base/platform.h"
#include "base/utf16.h"
#include "cli/json_writer.h"
#include "decode/schema.h"
#include "etw/log_file_mode.h"
#include "render/clock_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>

namespace etw::cli {
namespace {

constexpr int64_t kTicksPerSecond = 10'000'000;

struct ModeWord {
    uint32_t bit;
    const char* word;
};
constexpr ModeWord kModeWords[] = {
    {kModeSequential, "sequential"},
    {kModeCircular, "circular"},
    {kModeAppend, "append"},
    {kModeNewFile, "newfile"},
    {kModePreallocate, "prealloc"},
    {kModeNonStoppable, "nonstoppable"},
    {kModeSecure, "secure"},
    {kModeRealTime, "realtime"},
    {kModeBuffering, "buffering"},
    {kModePrivate, "private"},
    {kModeUseKilobytes, "kilobytes"},
    {kModeGlobalSequence, "globalsequence"},
    {kModeLocalSequence, "localsequence"},
    {kModePagedMemory, "paged"},
    {kModeSystemLogger, "systemlogger"},
    {kModeCompressed, "compressed"},
    {kModeIndependent, "independent"},
};

// Windows' tool has no word for some bits, that of -lowcapacity among them, and never closes the
// parenthesis before the words.
std::string mode_text(uint32_t mode) {
    if (mode == 0) return "(0) Logfile Mode is not set";
    std::string out = fmt::format("({:x}) (", mode);
    for (const ModeWord& word : kModeWords) {
        if ((mode & word.bit) != 0) out += fmt::format(" {}", word.word);
    }
    return out;
}

std::string time_text(int64_t filetime, bool utc) {
    if (filetime == 0) return "Not set (Logger may not have been stopped).";
    const auto t = utc ? render::civil_time(filetime) : render::local_civil_time(filetime);
    return fmt::format("{:04}-{:02}-{:02}-{:02}:{:02}:{:02}.{:03}", t.year, t.month, t.day, t.hour,
                       t.minute, t.second, t.ticks / 10'000);
}

std::string zone_name(const wire::TimeZone& zone) {
    std::u16string_view name(zone.standard_name, std::size(zone.standard_name));
    name = name.substr(0, name.find(u'\0'));
    return decode::clean_text(to_utf8(name));
}

}  // namespace

std::string log_header_text(const std::string& path, const etl::LogReader& reader, bool utc) {
    const wire::LogFileHeader64& h = reader.header().fixed;
    std::string out = fmt::format("Logfile {}:\n", path);
    const auto line = [&](const char* label, const std::string& value) {
        fmt::format_to(std::back_inserter(out), "        {:<24}{}\n", label, value);
    };
    line("OS version", fmt::format("{}.{}.{}  (Currently running on {})", h.os_major, h.os_minor,
                                   h.provider_version, os_version()));
    line("Start Time", time_text(h.start_time, utc));
    line("End Time", time_text(h.end_time, utc));
    line("Timezone is",
         fmt::format("{} (Bias is {}mins)", zone_name(h.time_zone), h.time_zone.bias));
    line("BufferSize", fmt::format("{} B", h.buffer_size));
    line("Maximum File Size",
         fmt::format("{} {}", h.max_file_size,
                     (h.log_file_mode & kModeUseKilobytes) != 0 ? "KB" : "MB"));
    line("Buffers  Written", h.buffers_written != 0
                                 ? std::to_string(h.buffers_written)
                                 : "Not set (Logger may not have been stopped).");
    line("Logger Mode Settings", mode_text(h.log_file_mode));
    line("ProcessorCount", std::to_string(h.processors));
    return out;
}

std::string buffers_text(std::span<const etl::BufferInfo> buffers) {
    std::string out;
    render::ClockText clock(render::ClockText::Style::kPrefix, render::ClockText::Zone::kUtc, 3);
    uint64_t number = 0, total_lost = 0;
    for (const etl::BufferInfo& buffer : buffers) {
        char time[render::kMaxClockText];
        const std::string_view text(time, size_t(clock.put(time, buffer.time) - time));
        // A buffer says that events were lost, not how many.
        const int lost = buffer.lost_events ? 1 : 0;
        total_lost += uint64_t(lost);
        fmt::format_to(std::back_inserter(out),
                       "{} :: {:8}: Filled={:8}, Lost={:3} TotalLost={:2}\n", text, ++number,
                       buffer.filled, lost, total_lost);
    }
    return out;
}

std::string completed_text(const FormatTotals& t) {
    std::string out = fmt::format(
        "Processing completed   Buffers: {}, Events: {}, EventsLost: {} :: Format Errors: {}, "
        "Unknowns: {}\n",
        t.buffers, t.events, t.events_lost, t.format_errors, t.unknown);
    if (t.left_out != 0) out += fmt::format("Events filtered out: {}\n", t.left_out);
    return out;
}

std::string summary_text(std::span<const std::string> inputs, const FormatTotals& t,
                         const render::Summary& summary) {
    const std::string rule = "+" + std::string(83, '-') + "+\n";
    std::string out = "Files Processed:\n";
    auto to = std::back_inserter(out);
    for (const std::string& input : inputs) fmt::format_to(to, "\t{}\n", input);
    fmt::format_to(to, "Total Buffers Processed {}\n", t.buffers);
    fmt::format_to(to, "Total Events  Processed {}\n", t.events);
    fmt::format_to(to, "Total Events  Lost      {}\n", t.events_lost);
    if (t.left_out != 0) fmt::format_to(to, "Total Events  Filtered  {}\n", t.left_out);
    fmt::format_to(to, "Total Format  Errors    {}\n", t.format_errors);
    fmt::format_to(to, "Total Formats Unknown   {}\n", t.unknown);
    fmt::format_to(to, "Elapsed Time            {} sec\n", t.elapsed / kTicksPerSecond);
    out += rule;
    fmt::format_to(to, "|{:<10}    {:<20} {:<10}  {:<36}|\n", "EventCount", "EventName",
                   "EventType", "TMF");
    out += rule;
    for (const auto& row : summary.rows()) {
        fmt::format_to(to, "|{:>10}    {:<20} {:<10}  {}|\n", row.count, row.name, row.type,
                       to_string(row.guid));
    }
    out += rule;
    if (const std::string kernel = summary.kernel().text(); !kernel.empty()) out += '\n' + kernel;
    return out;
}

namespace {

using Row = std::initializer_list<std::pair<std::string_view, uint64_t>>;

void put_numbers(JsonWriter& json, Row members) {
    for (const auto& [name, value] : members) json.key(name).number(value);
}

void put_processes(JsonWriter& json, const std::vector<render::ProcessRow>& rows) {
    json.key("processes").begin_array();
    for (const render::ProcessRow& row : rows) {
        json.begin_object().key("pid").number(row.id).key("name").text(row.name);
        if (row.exit_status) json.key("exit_status").signed_number(*row.exit_status);
        put_numbers(json, {{"switches", row.switches},
                           {"read_bytes", row.read},
                           {"written_bytes", row.written},
                           {"received_bytes", row.received},
                           {"sent_bytes", row.sent}});
        json.end_object();
    }
    json.end_array();
}

void put_disks(JsonWriter& json, const std::vector<render::DiskRow>& rows) {
    json.key("disks").begin_array();
    for (const render::DiskRow& row : rows) {
        json.begin_object().key("disk").number(row.number).key("model").text(row.model);
        put_numbers(json, {{"reads", row.reads},
                           {"read_bytes", row.read},
                           {"writes", row.writes},
                           {"written_bytes", row.written},
                           {"flushes", row.flushes}});
        json.end_object();
    }
    json.end_array();
}

void put_connections(JsonWriter& json, const std::vector<render::ConnectionRow>& rows) {
    json.key("connections").begin_array();
    for (const render::ConnectionRow& row : rows) {
        json.begin_object().key("pid").number(row.process);
        json.key("protocol").text(row.is_tcp ? "TCP" : "UDP");
        json.key("local").text(row.local).key("remote").text(row.remote);
        put_numbers(json, {{"received_bytes", row.received}, {"sent_bytes", row.sent}});
        json.end_object();
    }
    json.end_array();
}

}  // namespace

std::string summary_json(std::span<const std::string> inputs, const FormatTotals& t,
                         const render::Summary& summary) {
    JsonWriter json;
    json.begin_object().key("files").begin_array();
    for (const std::string& input : inputs) json.text(input);
    json.end_array();
    put_numbers(json, {{"buffers", t.buffers},
                       {"events", t.events},
                       {"events_lost", t.events_lost},
                       {"events_filtered", t.left_out},
                       {"format_errors", t.format_errors},
                       {"formats_unknown", t.unknown},
                       {"elapsed_ns", uint64_t(t.elapsed) * 100}});
    json.key("types").begin_array();
    for (const auto& row : summary.rows()) {
        json.begin_object().key("event").text(row.name).key("type").text(row.type);
        json.key("guid").text(to_string(row.guid)).key("count").number(row.count);
        json.end_object();
    }
    json.end_array();
    put_processes(json, summary.kernel().processes());
    put_disks(json, summary.kernel().disks());
    put_connections(json, summary.kernel().connections());
    return json.end_object().take() + '\n';
}

}  // namespace etw::cli
