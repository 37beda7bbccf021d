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
    {"tmf", Takes::kValue, true},
    {"p", Takes::kValue},
    {"i", Takes::kValue, true},
    {"r", Takes::kMaybe, false, {}, ";"},  // no paths: the default
    {"pdb", Takes::kValue, true},
    {"skipTmfWpp"},
    kManifestOptions[0],
    kManifestOptions[1],
    kManifestOptions[2],
    {"symbols", Takes::kValue, true},
    {"nosymbols"},
    {"display"},
    {"displayonly"},
    {"nosummary"},
    {"summaryonly"},
    {"csv"},
    {"csvheader"},
    {"csvquote"},
    {"json"},
    {"jsonMeta", Takes::kValue},
    {"preferJson"},
    {"xml"},
    {"cp", Takes::kValue},
    {"noprefix"},
    {"seq"},
    {"hires"},
    {"utc"},
    {"gmt", Takes::kNothing, false, "utc"},
    {"timeZoneSuffix"},
    {"sortableTime"},
    {"noFileTimeUtc"},
    {"skipNoFormat"},
    {"v"},
    {"trace"},
    {"ods", Takes::kNothing, false, {}, {}, true},
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

// The words as they stand on the command line; what they mean together is found out afterwards.
struct Words {
    std::vector<std::string> files, named;
    FilterWords filter;
    ExportWords exports;
    std::string code_page, json_meta;
    bool csv = false, csv_header = false, csv_quote = false;
    bool json = false, prefer_json = false, xml = false;
    bool no_prefix = false, no_summary = false, ods = false;
};

void add_options(CLI::App& app, TracefmtOptions& options, Words& words) {
    app.set_help_flag();
    app.add_option("files", words.files);
    app.add_option("--f", words.named);
    app.add_option("--rt", options.real_time);
    app.add_option("--o", options.output);
    app.add_option("--tmf", options.messages.tmf_files);
    app.add_option("--p", options.messages.folder);
    app.add_option("--i", options.messages.images);
    app.add_option("--r", options.messages.symbols);
    app.add_option("--pdb", options.messages.pdbs);
    app.add_flag("--skiptmfwpp", options.messages.skip_messages);
    add_manifest_options(app, options.manifests);
    app.add_option("--symbols", options.symbols);
    app.add_flag("--nosymbols", options.no_symbols);
    app.add_flag("--display", options.display);
    app.add_flag("--displayonly", options.display_only);
    app.add_flag("--nosummary", words.no_summary);
    app.add_flag("--summaryonly", options.summary_only);
    app.add_flag("--csv", words.csv);
    app.add_flag("--csvheader", words.csv_header);
    app.add_flag("--csvquote", words.csv_quote);
    app.add_flag("--json", words.json);
    app.add_option("--jsonmeta", words.json_meta);
    app.add_flag("--preferjson", words.prefer_json);
    app.add_flag("--xml", words.xml);
    app.add_option("--cp", words.code_page);
    app.add_flag("--noprefix", words.no_prefix);
    app.add_flag("--seq", options.sequence);
    app.add_flag("--hires", options.render.high_resolution);
    app.add_flag("--utc", options.render.utc);
    app.add_flag("--timezonesuffix", options.render.zone_suffix);
    app.add_flag("--sortabletime", options.render.sortable_time);
    app.add_flag("--nofiletimeutc", options.render.local_file_times);
    app.add_flag("--skipnoformat", options.skip_unknown);
    app.add_flag("--v", options.buffers);
    app.add_flag("--trace", options.trace);
    app.add_flag("--ods", words.ods);
    app.add_flag("--h", options.help);
}

Result<Ok, UsageError> check_outputs(const TracefmtOptions& options, const Words& words) {
    if (options.no_symbols && !options.symbols.empty())
        return UsageError{"-symbols and -nosymbols exclude each other; give one of them"};
    if (options.summary_only && words.no_summary) {
        return UsageError{"-summaryonly and -nosummary leave nothing to do; give one of them"};
    }
    if (options.summary_only && (options.display || options.display_only)) {
        return UsageError{"-summaryonly shows no events; leave out -display and -displayonly"};
    }
    if (!options.real_time.empty() && (!words.files.empty() || !words.named.empty())) {
        return UsageError{"-rt formats a session's live events; leave out the log files, or -rt"};
    }
    if (words.ods) {
        return UsageError{
            "-ods: there is no debugger's output here; -display shows the events, and "
            "-displayonly can be piped to logger"};
    }
    return Ok{};
}

Result<Ok, UsageError> check_formats(const Words& words) {
    if (words.csv + words.json + words.xml > 1) {
        return UsageError{"-csv, -json and -xml are formats of the same output; give one of them"};
    }
    if ((words.csv_header || words.csv_quote) && !words.csv) {
        return UsageError{words.csv_header ? "-csvheader goes with -csv"
                                           : "-csvquote goes with -csv"};
    }
    if (words.prefer_json && (words.csv || words.json || words.xml)) {
        return UsageError{"-preferJson is for text; leave it out, or -csv, -json or -xml"};
    }
    if (!words.json_meta.empty() && !words.json && !words.prefer_json) {
        return UsageError{"-jsonMeta goes with -json or -preferJson"};
    }
    return Ok{};
}

// Always hexadecimal.
Result<uint32_t, UsageError> parse_json_meta(const std::string& text) {
    constexpr uint64_t kAttributes = 0x80000;
    const bool has_prefix = text.starts_with("0x") || text.starts_with("0X");
    ETW_TRY(const uint64_t bits, parse_number("jsonMeta", has_prefix ? text : "0x" + text,
                                              render::kMetaAll | kAttributes));
    if ((bits & kAttributes) != 0) {
        return UsageError{"-jsonMeta: no description that is read has attributes (80000)"};
    }
    return uint32_t(bits);
}

Result<render::Encoding, UsageError> parse_encoding(const std::string& text) {
    constexpr std::pair<std::string_view, render::Encoding> kNames[] = {
        {"utf8", render::Encoding::kUtf8},
        {"utf16", render::Encoding::kUtf16},
        {"ansi", render::Encoding::kAnsi}};
    for (const auto& [name, encoding] : kNames) {
        if (to_lower(text) == name) return encoding;
    }
    return UsageError{"-cp: '" + text + "' is not utf8, utf16 or ansi"};
}

}  // namespace

std::span<const OptionWord> tracefmt_words() { return kOptions; }

Result<TracefmtOptions, UsageError> parse_tracefmt(Args args) {
    TracefmtOptions options;
    Words words;
    CLI::App app;
    add_options(app, options, words);
    add_filter_options(app, words.filter);
    add_export_options(app, words.exports);
    ETW_CHECK(parse(app, args, kOptions));
    if (options.help) return options;
    ETW_CHECK(check_outputs(options, words));
    ETW_CHECK(check_formats(words));

    words.files.insert(words.files.end(), words.named.begin(), words.named.end());
    if (!words.files.empty()) options.inputs = std::move(words.files);
    options.summary = !words.no_summary;
    render::RenderOptions& render = options.render;
    render.prefix = !words.no_prefix;
    render.prefer_json = words.prefer_json;
    render.csv_header = words.csv_header;
    render.csv_quote = words.csv_quote;
    if (words.csv) render.format = render::Format::kCsv;
    if (words.json) render.format = render::Format::kJson;
    if (words.xml) render.format = render::Format::kXml;
    if (!words.json_meta.empty()) {
        ETW_TRY(render.json_meta, parse_json_meta(words.json_meta));
    }
    if (!words.code_page.empty()) {
        ETW_TRY(render.encoding, parse_encoding(words.code_page));
    }
    ETW_TRY(options.filter, parse_filters(words.filter, render.utc));
    ETW_CHECK(take_exports(words.exports, options));
    return options;
}

}  // namespace etw::cli
