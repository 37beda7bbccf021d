#include "cli/tracefmt.h"

#include "base/platform.h"
#include "cli/output.h"
#include "cli/tracefmt_input.h"
#include "cli/tracefmt_live.h"
#include "cli/tracefmt_report.h"
#include "render/pipeline.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>

namespace etw::cli {
namespace {

constexpr const char* kTool = "tracefmt";

constexpr OptionWord kOptions[] = {
    {"f", Takes::kValue, true},
    {"rt", Takes::kName, false, {}, session::kKernelLoggerName},
    {"o", Takes::kValue},
    {"display"},
    {"displayonly"},
    {"nosummary"},
    {"summaryonly"},
    {"json"},
    {"noprefix"},
    {"hires"},
    {"utc"},
    {"gmt", Takes::kNothing, false, "utc"},
    {"h", Takes::kNothing, true},
    {"help", Takes::kNothing, true, "h"},
    {"?", Takes::kNothing, true, "h"},
};

// The reader's failure in words that say what to do about it.
Error explain(const std::string& path, const Error& error) {
    std::error_code ignored;
    if (error.code == Code::kFileNotFound || error.code == Code::kPathNotFound) {
        return {error.code, "no such file; name the .etl file to format"};
    }
    if (std::filesystem::is_directory(path, ignored)) {
        return {error.code, "is a folder; name an .etl file in it"};
    }
    if (error.code == Code::kInvalidData && std::filesystem::file_size(path, ignored) == 0) {
        return {error.code, "the file is empty: no session has written to it yet"};
    }
    if (error.code == Code::kInvalidData) {
        return {error.code, "not an event trace log (.etl), or its beginning is damaged"};
    }
    return error;
}

session::Failure explain(const std::string& name, const session::Failure& failure) {
    if (failure.code != Code::kSessionNotFound) return failure;
    if (session::same_name(name, session::kKernelLoggerName)) {
        return {failure.code,
                "NT Kernel Logger does not run; start it with tracelog -start -rt, or name a "
                "session: -rt NAME"};
    }
    return {failure.code, "no such session is running; tracelog -l lists those that are"};
}

// One line on the terminal that is written over and over.
class Progress {
public:
    explicit Progress(const MergedLogs& logs) : logs_(logs), shown_(is_terminal(stderr)) {}

    void update(uint64_t events) {
        if (!shown_) return;
        const auto now = Clock::now();
        if (now - last_ < std::chrono::milliseconds(200)) return;
        last_ = now;
        const double seconds = std::chrono::duration<double>(now - start_).count();
        const uint64_t size = std::max<uint64_t>(logs_.size_bytes(), 1);
        fmt::print(stderr, "\r{:3}%  {:.0f} events/s\x1b[K", logs_.consumed_bytes() * 100 / size,
                   double(events) / seconds);
        drawn_ = true;
    }
    void clear() const {
        if (drawn_) fmt::print(stderr, "\r\x1b[K");
    }

private:
    using Clock = std::chrono::steady_clock;
    const MergedLogs& logs_;
    bool shown_;
    bool drawn_ = false;
    Clock::time_point start_ = Clock::now();
    Clock::time_point last_ = start_;
};

class Run {
public:
    explicit Run(const TracefmtOptions& options) : options_(options) {
        names_ = default_output_names(options.output);
        if (options.display_only || options.summary_only) names_.text.clear();
        if (!options.summary) names_.summary.clear();
        if (options.summary_only && names_.summary.empty()) names_.summary = "FmtSum.txt";
        to_stdout_ = !options.summary_only &&
                     (options.display || options.display_only || names_.text == kStandardOutput);
        reports_ = to_stdout_ ? stderr : stdout;
    }

    int run_live(const OpenConsumer& open_consumer) {
        auto consumer = open_consumer(options_.real_time);
        if (!consumer) {
            const session::Failure why = explain(options_.real_time, consumer.error());
            return failure(kTool, options_.real_time, {why.code, why.detail.c_str()});
        }
        auto sink = open_output(names_.text, options_.display || options_.display_only);
        if (!sink) return failure(kTool, names_.text, sink.error());
        fmt::print(reports_, "Setting RealTime mode for  {}\n", options_.real_time);
        std::fflush(reports_);
        LiveEvents events(**consumer);
        const auto summary = format(events, **sink, [](uint64_t) {});
        if (!summary) return output_failure(summary.error());
        FormatTotals totals = count(*summary);
        events.count(totals);
        const std::string inputs[] = {options_.real_time};
        if (const int status = write_summary(inputs, totals, *summary); status != kExitDone) {
            return status;
        }
        report(totals);
        report_loss(options_.real_time, totals, (*consumer)->damage());
        return totals.lost_anything() ? kExitLoss : kExitDone;
    }

    int run() {
        std::vector<etl::LogReader> readers;
        if (const int status = open_inputs(readers); status != kExitDone) return status;
        MergedLogs logs(std::move(readers));
        auto sink = open_output(names_.text, options_.display || options_.display_only);
        if (!sink) return failure(kTool, names_.text, sink.error());
        Progress progress(logs);
        const auto summary =
            format(logs, **sink, [&](uint64_t events) { progress.update(events); });
        progress.clear();
        if (!summary) return output_failure(summary.error());
        FormatTotals totals = count(*summary);
        add(logs, totals);
        if (const int status = write_summary(options_.inputs, totals, *summary);
            status != kExitDone) {
            return status;
        }
        report(totals);
        for (size_t i = 0; i < logs.readers().size(); ++i) {
            const etl::LogReader& reader = logs.readers()[i];
            FormatTotals lost;
            lost.events_lost = reader.events_lost();
            lost.buffers_lost = reader.buffers_lost();
            report_loss(options_.inputs[i], lost, reader.damage());
        }
        return totals.lost_anything() ? kExitLoss : kExitDone;
    }

private:
    int open_inputs(std::vector<etl::LogReader>& readers) {
        for (const std::string& path : options_.inputs) {
            auto reader = etl::LogReader::open(path);
            if (!reader) return failure(kTool, path, explain(path, reader.error()));
            for (const std::string& name : {names_.text, names_.summary}) {
                if (name.empty() || !same_file(name, path)) continue;
                return failure(kTool, name,
                               {Code::kInvalidParameter, "is the log itself; choose another -o"});
            }
            fmt::print(reports_, "Setting log file to: {}\n", path);
            fmt::print(reports_, "{}", log_header_text(path, *reader, options_.render.utc));
            readers.push_back(*std::move(reader));
        }
        std::fflush(reports_);
        return kExitDone;
    }

    Result<render::Summary> format(render::RecordSource& source, render::Sink& sink,
                                   const std::function<void(uint64_t)>& progress) {
        render::PipelineOptions pipeline;
        pipeline.render = options_.render;
        pipeline.lines = !options_.summary_only;
        auto summary = render::run_pipeline(source, sink, pipeline, progress);
        if (summary) ETW_CHECK(sink.close());
        return summary;
    }

    // A reader of our pipe that has seen enough is no failure.
    int output_failure(const Error& error) const {
        if (to_stdout_ && error.where == EPIPE) return kExitDone;
        const bool text_file = !names_.text.empty() && names_.text != kStandardOutput;
        return failure(kTool, text_file ? names_.text : "standard output", error);
    }

    static FormatTotals count(const render::Summary& summary) {
        FormatTotals totals;
        totals.events = summary.events();
        totals.format_errors = summary.malformed();
        totals.unknown = summary.unknown();
        return totals;
    }

    static void add(const MergedLogs& logs, FormatTotals& totals) {
        for (const etl::LogReader& reader : logs.readers()) {
            totals.buffers += reader.buffer_count() - 1;  // all but the header's: of data
            totals.events_lost += reader.events_lost();
            totals.buffers_lost += reader.buffers_lost();
            totals.damaged_buffers += reader.damage().buffers;
            totals.damaged_records += reader.damage().records;
        }
        totals.elapsed = logs.elapsed();
    }

    int write_summary(std::span<const std::string> inputs, const FormatTotals& totals,
                      const render::Summary& summary) const {
        if (names_.summary.empty()) return kExitDone;
        auto file = render::FileSink::create(names_.summary);
        if (!file) return failure(kTool, names_.summary, file.error());
        auto status = (*file)->write(summary_text(inputs, totals, summary.rows()));
        if (status) status = (*file)->close();
        if (!status) return failure(kTool, names_.summary, status.error());
        return kExitDone;
    }

    void report(const FormatTotals& totals) const {
        fmt::print(reports_, "\n{}\n", completed_text(totals));
        if (!names_.text.empty() && names_.text != kStandardOutput) {
            fmt::print(reports_, "Event traces dumped to {}\n", names_.text);
        }
        if (!names_.summary.empty()) {
            fmt::print(reports_, "Event Summary dumped to {}\n", names_.summary);
        }
        std::fflush(reports_);
    }

    static void report_loss(const std::string& input, const FormatTotals& lost,
                            const etl::Damage& damage) {
        if (lost.events_lost + lost.buffers_lost != 0) {
            fmt::print(stderr, "{}: {}: the session lost {} events and {} buffers\n", kTool, input,
                       lost.events_lost, lost.buffers_lost);
        }
        if (damage.buffers + damage.records != 0) {
            fmt::print(stderr,
                       "{}: {}: {} damaged buffers ({} bytes skipped) and {} damaged records; "
                       "first: {}\n",
                       kTool, input, damage.buffers, damage.bytes, damage.records, damage.first);
        }
    }

    const TracefmtOptions& options_;
    OutputNames names_;
    bool to_stdout_ = false;
    std::FILE* reports_ = stdout;
};

}  // namespace

std::span<const OptionWord> tracefmt_words() { return kOptions; }

Result<TracefmtOptions, UsageError> parse_tracefmt(Args args) {
    TracefmtOptions options;
    CLI::App app;
    app.set_help_flag();
    std::vector<std::string> files, named;
    bool json = false, no_prefix = false, no_summary = false;
    app.add_option("files", files);
    app.add_option("--f", named);
    app.add_option("--rt", options.real_time);
    app.add_option("--o", options.output);
    app.add_flag("--display", options.display);
    app.add_flag("--displayonly", options.display_only);
    app.add_flag("--nosummary", no_summary);
    app.add_flag("--summaryonly", options.summary_only);
    app.add_flag("--json", json);
    app.add_flag("--noprefix", no_prefix);
    app.add_flag("--hires", options.render.high_resolution);
    app.add_flag("--utc", options.render.utc);
    app.add_flag("--h", options.help);
    ETW_CHECK(parse(app, args, kOptions));
    if (options.help) return options;

    if (options.summary_only && no_summary) {
        return UsageError{"-summaryonly and -nosummary leave nothing to do; give one of them"};
    }
    if (options.summary_only && (options.display || options.display_only)) {
        return UsageError{"-summaryonly shows no events; leave out -display and -displayonly"};
    }
    if (!options.real_time.empty() && (!files.empty() || !named.empty())) {
        return UsageError{"-rt formats a session's live events; leave out the log files, or -rt"};
    }
    files.insert(files.end(), named.begin(), named.end());
    if (!files.empty()) options.inputs = std::move(files);
    options.summary = !no_summary;
    options.render.prefix = !no_prefix;
    options.render.format = json ? render::Format::kJson : render::Format::kText;
    return options;
}

int run_tracefmt(const TracefmtOptions& options, const OpenConsumer& open_consumer) {
    Run run(options);
    return options.real_time.empty() ? run.run() : run.run_live(open_consumer);
}

}  // namespace etw::cli
