// The command line of tracefmt.
#include "cli/tracefmt.h"
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
    {"tmf", Takes::kValue, true},
    {"p", Takes::kValue},
    {"i", Takes::kValue, true},
    {"r", Takes::kMaybe, false, {}, ";"},  // no paths: the default
    {"pdb", Takes::kValue, true},
    {"skiptmfwpp"},
    kManifestOptions[0],
    kManifestOptions[1],
    kManifestOptions[2],
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
    app.add_option("--tmf", options.messages.tmf_files);
    app.add_option("--p", options.messages.folder);
    app.add_option("--i", options.messages.images);
    app.add_option("--r", options.messages.symbols);
    app.add_option("--pdb", options.messages.pdbs);
    app.add_flag("--skiptmfwpp", options.messages.skip_messages);
    add_manifest_options(app, options.manifests);
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

}  // namespace etw::cli
