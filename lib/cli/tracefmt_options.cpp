// The command line of tracefmt.
#include "cli/tracefmt.h"
#include "cli/tracefmt_filter.h"
#include "session/rules.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace etw::cli {
namespace {

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
    {"from", Takes::kValue},
    {"to", Takes::kValue},
    {"level", Takes::kValue},
    {"pid", Takes::kValue, true},
    {"provider", Takes::kValue, true},
    {"id", Takes::kValue, true},
    {"event", Takes::kValue, true},
    {"perfetto", Takes::kValue},
    {"ctf", Takes::kValue},
    {"pcapng", Takes::kValue},
    {"relog", Takes::kValue},
    {"h", Takes::kNothing, true},
    {"help", Takes::kNothing, true, "h"},
    {"?", Takes::kNothing, true, "h"},
};

// Live events come once; a log is written to a file; standard output holds one output.
Result<Ok, UsageError> check_outputs(const TracefmtOptions& options) {
    const auto is_stdout = [](const std::string& path) { return path == "-"; };
    size_t to_stdout =
        options.text && (options.display || options.display_only || is_stdout(options.output)) ? 1
                                                                                               : 0;
    for (const ExportJob& job : options.exports) to_stdout += is_stdout(job.path) ? 1 : 0;
    if (to_stdout > 1) return UsageError{"only one output can go to standard output"};
    if (options.real_time.empty()) return Ok{};
    for (const ExportJob& job : options.exports) {
        if (job.kind != ExportJob::Kind::kRelog) continue;
        return UsageError{
            "-relog writes a log from logs; a session writes its own: tracelog -start NAME -f "
            "FILE"};
    }
    if (options.exports.size() + (options.text ? 1 : 0) > 1) {
        return UsageError{"-rt: a session's events come once; ask for one output"};
    }
    return Ok{};
}

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
    FilterWords filter;
    ExportWords exports;
    add_filter_options(app, filter);
    add_export_options(app, exports);
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
    options.exports = export_jobs(exports);
    options.text = options.exports.empty() || !options.output.empty() || options.display ||
                   options.display_only || options.summary_only;
    ETW_TRY(options.filter, parse_filters(filter, options.render.utc));
    ETW_CHECK(check_outputs(options));
    files.insert(files.end(), named.begin(), named.end());
    if (!files.empty()) options.inputs = std::move(files);
    options.summary = !no_summary;
    options.render.prefix = !no_prefix;
    options.render.format = json ? render::Format::kJson : render::Format::kText;
    return options;
}

}  // namespace etw::cli
