#include "cli/tracefmt.h"

#include "base/letter_case.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/file_list.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/tracefmt_input.h"
#include "cli/tracefmt_live.h"
#include "cli/tracefmt_progress.h"
#include "cli/tracefmt_report.h"
#include "export/run.h"
#include "render/pipeline.h"
#include "render/prefix.h"
#include "symbols/symbolizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace etw::cli {
namespace {

constexpr const char* kTool = "tracefmt";
constexpr const char* kPrefixVariable = "TRACE_FORMAT_PREFIX";

// The reader's failure in words that say what to do about it.
Error explain(const std::string& path, const Error& error) {
    std::error_code ignored;
    if (error.code == Code::kFileNotFound || error.code == Code::kPathNotFound) {
        return {error.code, "no such file; name the .etl file to format"};
    }
    if (std::filesystem::is_directory(to_path(path), ignored)) {
        return {error.code, "is a folder; name an .etl file in it"};
    }
    if (error.code == Code::kInvalidData &&
        std::filesystem::file_size(to_path(path), ignored) == 0) {
        return {error.code, "the file is empty: no session has written to it yet"};
    }
    if (error.code == Code::kInvalidData) {
        return {error.code, "not an event trace log (.etl), or its beginning is damaged"};
    }
    return error;
}

session::Failure explain(const std::string& name, const session::Failure& failure) {
    if (failure.code != Code::kSessionNotFound) return failure;
    if (same_name(name, session::kKernelLoggerName)) {
        return {failure.code,
                "NT Kernel Logger does not run; start it with tracelog -start -rt, or name a "
                "session: -rt NAME"};
    }
    return {failure.code, "no such session is running; tracelog -l lists those that are"};
}

// The prefix that the environment or -seq asks for; the default one needs none.
Result<std::shared_ptr<const render::Prefix>, UsageError> find_prefix(
    const TracefmtOptions& options) {
    const bool has_lines = options.render.format == render::Format::kText ||
                           options.render.format == render::Format::kCsv;
    const char* const wanted = std::getenv(kPrefixVariable);
    const bool is_own = wanted != nullptr && *wanted != '\0';
    if (!has_lines || !options.render.prefix || (!is_own && !options.sequence)) return {nullptr};
    const std::string text(is_own ? wanted : render::kDefaultPrefix);
    auto compiled = render::Prefix::compile(text, options.sequence);
    if (compiled) return {std::make_shared<const render::Prefix>(*std::move(compiled))};
    return UsageError{fmt::format("{}: at '{}': {}", kPrefixVariable,
                                  text.substr(compiled.error().where), compiled.error().what)};
}

class Run {
public:
    Run(const TracefmtOptions& options, std::shared_ptr<const render::Prefix> prefix)
        : options_(options), render_(options.render) {
        render_.custom_prefix = std::move(prefix);
        names_ = default_output_names(options.output);
        if (options.display_only || options.summary_only) names_.text.clear();
        if (!options.summary) names_.summary.clear();
        if (options.summary_only && names_.summary.empty()) names_.summary = kStandardOutput;
        if (!options.text) names_ = {};
        to_stdout_ = options.display || options.display_only || names_.text == kStandardOutput ||
                     names_.summary == kStandardOutput;
        for (const ExportJob& job : options.exports) to_stdout_ |= job.path == kStandardOutput;
        reports_ = to_stdout_ ? stderr : stdout;
    }

    int run_live(const OpenConsumer& open_consumer) {
        auto consumer = open_consumer(options_.real_time);
        if (!consumer) {
            return session_failure(kTool, options_.real_time,
                                   explain(options_.real_time, consumer.error()));
        }
        // Before anything is written: SIGINT and SIGTERM end the events, not the process.
        const Interrupts interrupts(consumer->get());
        if (!options_.exports.empty()) {
            return export_live(options_.exports.front(), **consumer);
        }
        auto sink = open_sink();
        if (!sink) return failure(kTool, names_.text, sink.error());
        say(reports_, "Setting RealTime mode for  {}\n", options_.real_time);
        if (const int status = load_descriptions({}); status != kExitDone) return status;
        std::fflush(reports_);
        if (options_.buffers) {
            say(stderr, "{}: -v: a session's buffers are counted, not described\n", kTool);
        }
        LiveEvents events(**consumer, live_names_.get());
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
        const Interrupts interrupts;
        int status = kExitDone;
        for (const ExportJob& job : options_.exports) {
            const int done = export_logs(job);
            if (done != kExitDone && done != kExitLoss) return done;
            status = std::max(status, done);
        }
        return options_.text ? format_logs() : status;
    }

private:
    int format_logs() {
        std::vector<etl::LogReader> readers;
        if (const int status = open_inputs(readers); status != kExitDone) return status;
        MergedLogs logs(std::move(readers));
        auto sink = open_sink();
        if (!sink) return failure(kTool, names_.text, sink.error());
        Progress progress;
        const auto summary = format(logs, **sink, [&](uint64_t events) {
            progress.update(events, logs.consumed_bytes(), logs.size_bytes());
        });
        progress.clear();
        if (!summary) return output_failure(summary.error());
        FormatTotals totals = count(*summary);
        add(logs, totals);
        if (const int status = write_summary(options_.inputs, totals, *summary);
            status != kExitDone) {
            return status;
        }
        report(totals);
        report_losses(logs, options_.inputs);
        if (Interrupts::asked()) return report_interrupt(logs);
        return totals.lost_anything() ? kExitLoss : kExitDone;
    }

    // Each export is a pass of its own over the logs.
    int export_logs(const ExportJob& job) {
        std::vector<etl::LogReader> readers;
        if (const int status = open_inputs(readers); status != kExitDone) return status;
        for (const std::string& input : options_.inputs) {
            if (!same_file(job.path, input)) continue;
            return failure(kTool, job.path,
                           {Code::kInvalidParameter, "is the log itself; choose another name"});
        }
        auto exporter = make_exporter(job, readers, options_.filter);
        if (!exporter) return failure(kTool, job.path, exporter.error());
        MergedLogs logs(std::move(readers), job.kind == ExportJob::Kind::kRelog
                                                ? MergedLogs::Order::kRaw
                                                : MergedLogs::Order::kTime);
        Progress progress;
        uint64_t lost = 0;
        for (const etl::LogReader& reader : logs.readers()) lost += reader.events_lost();
        auto summary = export_events(logs, **exporter, [&](uint64_t events) {
            progress.update(events, logs.consumed_bytes(), logs.size_bytes());
        });
        if (summary) {
            if (const auto done = (*exporter)->finish(lost); !done) summary = done.error();
        }
        progress.clear();
        if (!summary) return export_failure(job, summary.error());
        FormatTotals totals = count(*summary);
        add(logs, totals);
        report_export(job, **exporter, totals);
        report_losses(logs, options_.inputs);
        if (Interrupts::asked()) return report_interrupt(logs);
        return totals.lost_anything() ? kExitLoss : kExitDone;
    }

    int export_live(const ExportJob& job, session::Consumer& consumer) {
        auto exporter = make_exporter(job, {}, options_.filter);
        if (!exporter) return failure(kTool, job.path, exporter.error());
        say(reports_, "Setting RealTime mode for  {}\n", options_.real_time);
        if (const int status = load_descriptions({}); status != kExitDone) return status;
        std::fflush(reports_);
        LiveEvents events(consumer, nullptr);
        auto summary = export_events(events, **exporter, {});
        FormatTotals totals;
        if (summary) totals = count(*summary);
        events.count(totals);
        if (summary) {
            const auto done = (*exporter)->finish(totals.events_lost);
            if (!done) summary = done.error();
        }
        if (!summary) return export_failure(job, summary.error());
        report_export(job, **exporter, totals);
        report_loss(options_.real_time, totals, consumer.damage());
        return totals.lost_anything() ? kExitLoss : kExitDone;
    }

    Result<render::Summary> export_events(render::RecordSource& source, exports::Exporter& exporter,
                                          const std::function<void(uint64_t)>& progress) {
        render::RecordFilter filter(options_.filter);
        WithoutMessages without(source);
        render::RecordSource& all = options_.messages.skip_messages ? without : source;
        auto summary = exports::run_export(all, filter, exporter, catalog_, progress);
        note_names(filter);
        return summary;
    }

    static int export_failure(const ExportJob& job, const Error& error) {
        if (job.path == kStandardOutput && error.where == EPIPE) return kExitDone;
        return failure(kTool, job.path, error);
    }

    void report_export(const ExportJob& job, const exports::Exporter& exporter,
                       const FormatTotals& totals) const {
        say(reports_, "\n{}\n{}", completed_text(totals), exporter.report());
        if (job.path != kStandardOutput) say(reports_, "Exported to {}\n", job.path);
        std::fflush(reports_);
    }

    static void note_names(const render::RecordFilter& filter) {
        if (!filter.lacks_process_names()) return;
        say(stderr, "{}: -pid: the log names no process, as only kernel events do; give numbers\n",
            kTool);
    }

    static void report_losses(const MergedLogs& logs, std::span<const std::string> inputs) {
        for (size_t i = 0; i < logs.readers().size(); ++i) {
            const etl::LogReader& reader = logs.readers()[i];
            FormatTotals lost;
            lost.events_lost = reader.events_lost();
            lost.buffers_lost = reader.buffers_lost();
            report_loss(inputs[i], lost, reader.damage());
        }
    }

    Result<std::unique_ptr<render::Sink>> open_sink() const {
        trace("text: {}, summary: {}", names_.text.empty() ? "no file" : names_.text,
              names_.summary.empty() ? "none" : names_.summary);
        return open_output(names_.text, options_.display || options_.display_only);
    }

    int report_interrupt(const MergedLogs& logs) const {
        char time[render::kMaxClockText];
        const std::string_view text(time,
                                    size_t(render::put_iso_time(time, logs.last_time()) - time));
        say(stderr, "{}: interrupted; the output is whole up to {}\n", kTool, text);
        return kExitInterrupted;
    }

    // -trace.
    template <class... Args>
    void trace(fmt::format_string<Args...> format, Args&&... args) const {
        if (!options_.trace) return;
        say(stderr, "{}: {}\n", kTool, fmt::format(format, std::forward<Args>(args)...));
    }

    int open_inputs(std::vector<etl::LogReader>& readers) {
        for (const std::string& path : options_.inputs) {
            auto reader = etl::LogReader::open(path);
            if (!reader) return failure(kTool, path, explain(path, reader.error()));
            for (const std::string& name : {names_.text, names_.summary}) {
                if (name.empty() || !same_file(name, path)) continue;
                return failure(kTool, name,
                               {Code::kInvalidParameter, "is the log itself; choose another -o"});
            }
            if (!inputs_reported_) {
                say(reports_, "Setting log file to: {}\n", path);
                trace("opened {}: {} bytes, {} buffers", path, reader->size_bytes(),
                      reader->buffer_count());
            }
            readers.push_back(*std::move(reader));
        }
        // Once for all outputs of a run.
        if (std::exchange(inputs_reported_, true)) return kExitDone;
        if (const int status = load_descriptions(options_.inputs); status != kExitDone) {
            return status;
        }
        for (size_t i = 0; i < readers.size(); ++i) {
            say(reports_, "{}",
                log_header_text(options_.inputs[i], readers[i], options_.render.utc));
            if (options_.buffers) say(reports_, "{}", buffers_text(readers[i].buffers()));
        }
        std::fflush(reports_);
        return kExitDone;
    }

    // Without logs: of a session's events.
    int load_descriptions(const std::vector<std::string>& logs) {
        if (const int status = load_messages(options_.messages, logs.empty(), *catalog_, reports_);
            status != kExitDone) {
            return status;
        }
        Progress progress;
        const auto watch = [&](uint64_t done, uint64_t all) {
            progress.looking(done, all);
            return !Interrupts::asked();
        };
        const auto loaded = load_manifests(options_.manifests, logs, *catalog_, watch);
        progress.clear();
        if (!loaded && loaded.error().error.code == Code::kCancelled) {
            say(stderr, "{}: interrupted; nothing has been written\n", kTool);
            return kExitInterrupted;
        }
        if (!loaded) return failure(kTool, loaded.error().file, loaded.error().error);
        if (options_.no_symbols) return kExitDone;
        const auto folders = split_lists(std::span(options_.symbols));
        if (logs.empty()) {
            live_names_ = std::make_shared<symbols::Symbolizer>(folders);
            render_.names = live_names_;
        } else {
            render_.names = std::make_shared<symbols::Symbolizer>(catalog_, folders);
        }
        return kExitDone;
    }

    Result<render::Summary> format(render::RecordSource& source, render::Sink& sink,
                                   const std::function<void(uint64_t)>& progress) {
        render::PipelineOptions pipeline;
        pipeline.render = render_;
        pipeline.catalog = catalog_;
        pipeline.lines = !options_.summary_only;
        pipeline.by_kind = !names_.summary.empty();
        pipeline.skip_unknown = options_.skip_unknown;
        render::RecordFilter filter(options_.filter);
        WithoutMessages without(source);
        render::RecordSource& all = options_.messages.skip_messages ? without : source;
        render::FilteredSource wanted(all, filter);
        pipeline.filter = &filter;
        render::RecordSource& events = filter.active() ? wanted : all;
        trace("formatting begins");
        auto summary = render::run_pipeline(events, sink, pipeline, progress);
        if (!summary) return summary;
        summary->leave_out(wanted.left_out());
        note_names(filter);
        ETW_CHECK(sink.close());
        trace("formatted {} events", summary->events());
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
        totals.left_out = summary.left_out();
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
        auto sink = open_output(names_.summary, false);
        if (!sink) return failure(kTool, names_.summary, sink.error());
        const bool json = options_.summary_only && render_.format == render::Format::kJson;
        render::OutBuffer text;
        text.append(render::byte_order_mark(render_.encoding));
        render::append_encoded(
            text,
            json ? summary_json(inputs, totals, summary) : summary_text(inputs, totals, summary),
            render_.encoding, json ? render::Lacking::kJsonEscape : render::Lacking::kQuestionMark);
        auto status = (*sink)->write(text.view());
        if (status) status = (*sink)->close();
        if (status || (to_stdout_ && status.error().where == EPIPE)) return kExitDone;
        return failure(kTool, names_.summary, status.error());
    }

    void report(const FormatTotals& totals) const {
        say(reports_, "\n{}\n", completed_text(totals));
        if (!names_.text.empty() && names_.text != kStandardOutput) {
            say(reports_, "Event traces dumped to {}\n", names_.text);
        }
        if (!names_.summary.empty() && names_.summary != kStandardOutput) {
            say(reports_, "Event Summary dumped to {}\n", names_.summary);
        }
        std::fflush(reports_);
    }

    static void report_loss(const std::string& input, const FormatTotals& lost,
                            const etl::Damage& damage) {
        if (lost.events_lost + lost.buffers_lost != 0) {
            say(stderr, "{}: {}: the session lost {} events and {} buffers\n", kTool, input,
                lost.events_lost, lost.buffers_lost);
        }
        if (damage.buffers + damage.records != 0) {
            say(stderr,
                "{}: {}: {} damaged buffers ({} bytes skipped) and {} damaged records; "
                "first: {}\n",
                kTool, input, damage.buffers, damage.bytes, damage.records, damage.first);
        }
    }

    const TracefmtOptions& options_;
    std::shared_ptr<decode::Catalog> catalog_ = std::make_shared<decode::Catalog>();
    render::RenderOptions render_;
    std::shared_ptr<symbols::Symbolizer> live_names_;  // null: of logs, or none
    OutputNames names_;
    bool to_stdout_ = false;
    bool inputs_reported_ = false;
    std::FILE* reports_ = stdout;
};

}  // namespace

int run_tracefmt(const TracefmtOptions& options, const OpenConsumer& open_consumer) {
    auto prefix = find_prefix(options);
    if (!prefix) return usage(kTool, prefix.error());
    Run run(options, *std::move(prefix));
    return options.real_time.empty() ? run.run() : run.run_live(open_consumer);
}

}  // namespace etw::cli
