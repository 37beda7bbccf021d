#include "cli/tracefmt.h"

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/tracefmt_input.h"
#include "cli/tracefmt_live.h"
#include "cli/tracefmt_progress.h"
#include "cli/tracefmt_report.h"
#include "render/pipeline.h"
#include "render/prefix.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

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
        return {failure.code, "kernel events are not in this version; name a session: -rt NAME"};
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
        auto sink = open_sink();
        if (!sink) return failure(kTool, names_.text, sink.error());
        fmt::print(reports_, "Setting RealTime mode for  {}\n", options_.real_time);
        std::fflush(reports_);
        if (options_.buffers) {
            fmt::print(stderr, "{}: -v: a session's buffers are counted, not described\n", kTool);
        }
        if (const int status = load_messages(options_.messages, true, *catalog_, reports_);
            status != kExitDone) {
            return status;
        }
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
        auto sink = open_sink();
        if (!sink) return failure(kTool, names_.text, sink.error());
        Progress progress(logs);
        const Interrupts interrupts;
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
        if (Interrupts::asked()) return report_interrupt(logs);
        return totals.lost_anything() ? kExitLoss : kExitDone;
    }

private:
    Result<std::unique_ptr<render::Sink>> open_sink() const {
        trace("text: {}, summary: {}", names_.text.empty() ? "no file" : names_.text,
              names_.summary.empty() ? "none" : names_.summary);
        return open_output(names_.text, options_.display || options_.display_only);
    }

    int report_interrupt(const MergedLogs& logs) const {
        char time[render::kMaxClockText];
        const std::string_view text(time,
                                    size_t(render::put_iso_time(time, logs.last_time()) - time));
        fmt::print(stderr, "{}: interrupted; the output is whole up to {}\n", kTool, text);
        return kExitInterrupted;
    }

    // -trace.
    template <class... Args>
    void trace(fmt::format_string<Args...> format, Args&&... args) const {
        if (!options_.trace) return;
        fmt::print(stderr, "{}: {}\n", kTool, fmt::format(format, std::forward<Args>(args)...));
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
            fmt::print(reports_, "Setting log file to: {}\n", path);
            trace("opened {}: {} bytes, {} buffers", path, reader->size_bytes(),
                  reader->buffer_count());
            readers.push_back(*std::move(reader));
        }
        if (const int status = load_messages(options_.messages, false, *catalog_, reports_);
            status != kExitDone) {
            return status;
        }
        for (size_t i = 0; i < readers.size(); ++i) {
            fmt::print(reports_, "{}",
                       log_header_text(options_.inputs[i], readers[i], options_.render.utc));
            if (options_.buffers) fmt::print(reports_, "{}", buffers_text(readers[i].buffers()));
        }
        std::fflush(reports_);
        return kExitDone;
    }

    Result<render::Summary> format(render::RecordSource& source, render::Sink& sink,
                                   const std::function<void(uint64_t)>& progress) {
        render::PipelineOptions pipeline;
        pipeline.render = render_;
        pipeline.catalog = catalog_;
        pipeline.lines = !options_.summary_only;
        pipeline.skip_unknown = options_.skip_unknown;
        trace("formatting begins");
        WithoutMessages without(source);
        render::RecordSource& wanted = options_.messages.skip_messages ? without : source;
        auto summary = render::run_pipeline(wanted, sink, pipeline, progress);
        if (summary) ETW_CHECK(sink.close());
        if (summary) trace("formatted {} events", summary->events());
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
        render::OutBuffer text;
        text.append(render::byte_order_mark(render_.encoding));
        render::append_encoded(text, summary_text(inputs, totals, summary.rows()), render_.encoding,
                               render::Lacking::kQuestionMark);
        auto status = (*file)->write(text.view());
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
    std::shared_ptr<decode::Catalog> catalog_ = std::make_shared<decode::Catalog>();
    render::RenderOptions render_;
    OutputNames names_;
    bool to_stdout_ = false;
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
