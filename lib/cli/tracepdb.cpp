#include "cli/tracepdb.h"

#include "cli/cli.h"
#include "cli/extract.h"
#include "cli/file_list.h"
#include "cli/json_writer.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <cstdlib>

namespace etw::cli {
namespace {

constexpr OptionWord kOptions[] = {
    {"f", Takes::kValue, true},
    {"s"},
    {"p", Takes::kValue},
    {"i", Takes::kValue, true},
    {"r", Takes::kMaybe, false, {}, ";"},  // no paths: the default
    {"o", Takes::kValue},
    {"c"},
    {"v"},
    {"json"},
    {"h", Takes::kNothing, true},
    {"help", Takes::kNothing, true, "h"},
    {"?", Takes::kNothing, true, "h"},
};

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
    }
    return out;
}

class Run {
public:
    Run(const TracepdbOptions& options, const char* tool) : options_(options), tool_(tool) {}

    int run() {
        Extraction found([&](const std::string& line) { detail(line); });
        for (const std::string& file : files()) found.add(file);
        const std::vector<std::string> images = split_lists(options_.images);
        if (!images.empty()) {
            const SymbolPath symbols(symbol_path_text(options_.symbols));
            found.add_images(expand_files(images, "*", options_.recurse), symbols);
        }
        WriteOptions writing;
        writing.folder = options_.folder;
        writing.combined = options_.combined;
        writing.control_files = options_.control_files;
        writing.mof = true;
        writing.tool = tool_;
        writing.writing = [&](const std::string& path, const Source& source) {
            info(fmt::format("{} generating {} for {}", upper(tool_), path, source.path));
        };
        for (const Source& source : found.sources()) report(source);
        const auto written = write_files(found.sources(), writing);
        if (!written) found_failure(written.error());
        for (const SourceFailure& failed : found.failures()) found_failure(failed);
        if (options_.json) print_json(found, written ? *written : std::vector<std::string>());
        const bool told = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
        return told || status_ != kExitDone ? status_ : kExitFailed;
    }

private:
    std::vector<std::string> files() {
        std::vector<std::string> wanted = split_lists(options_.files);
        if (wanted.empty() && !options_.images.empty()) return {};
        if (wanted.empty()) wanted = {"*.pdb"};
        auto out = expand_files(wanted, "*.pdb", options_.recurse);
        if (out.empty()) detail(fmt::format("no file matches {}", fmt::join(wanted, ";")));
        return out;
    }

    void line(const std::string& text) {
        if (!options_.json) say(stdout, "{}\n", text);
    }
    void info(const std::string& text) { line(fmt::format("{} : info BNP0000: {}", tool_, text)); }
    void detail(const std::string& text) {
        if (options_.verbose) line(text);
    }

    void report(const Source& source) {
        if (source.messages.empty()) {
            info(fmt::format("no trace messages in {}", source.path));
        }
        if (source.damaged_parts != 0) {
            say(stderr, "{}: {}: {} modules are damaged and were read in part\n", tool_,
                source.path, source.damaged_parts);
        }
        if (source.skipped != 0) {
            say(stderr, "{}: {}: {} lines of its descriptions could not be read\n", tool_,
                source.path, source.skipped);
        }
        detail(fmt::format("{}: {} messages, {} control GUIDs", source.path,
                           source.messages.formats().size(), source.messages.controls().size()));
    }

    void found_failure(const SourceFailure& failed) {
        std::fflush(stdout);
        status_ = failure(tool_, failed.path, failed.error);
    }

    // False: it could not be written.
    static void print_json(const Extraction& found, const std::vector<std::string>& written) {
        JsonWriter json;
        json.begin_object().key("sources").begin_array();
        for (const Source& source : found.sources()) {
            json.begin_object();
            json.key("file").text(source.path);
            json.key("messages").number(source.messages.formats().size());
            json.key("controls").begin_array();
            for (const tmf::ControlGuid& control : source.messages.controls()) {
                json.begin_object().key("guid").text(to_string(control.guid));
                json.key("name").text(control.name).key("flags").begin_array();
                for (const std::string& flag : control.flags) json.text(flag);
                json.end_array().end_object();
            }
            json.end_array().end_object();
        }
        json.end_array().key("written").begin_array();
        for (const std::string& path : written) json.text(path);
        json.end_array().end_object();
        say(stdout, "{}\n", json.take());
    }

    const TracepdbOptions& options_;
    const char* tool_;
    int status_ = kExitDone;
};

}  // namespace

std::span<const OptionWord> tracepdb_words() { return kOptions; }

Result<TracepdbOptions, UsageError> parse_tracepdb(Args args) {
    TracepdbOptions options;
    CLI::App app;
    app.set_help_flag();
    std::vector<std::string> strays;
    app.add_option("files", strays);
    app.add_option("--f", options.files);
    app.add_flag("--s", options.recurse);
    app.add_option("--p", options.folder);
    app.add_option("--i", options.images);
    app.add_option("--r", options.symbols);
    app.add_option("--o", options.combined);
    app.add_flag("--c", options.control_files);
    app.add_flag("--v", options.verbose);
    app.add_flag("--json", options.json);
    app.add_flag("--h", options.help);
    ETW_CHECK(parse(app, args, kOptions));
    if (!strays.empty() && !options.help) {
        return UsageError{
            fmt::format("'{0}' belongs to no option; name PDBs with -f {0}", strays.front()),
            kTracepdbHelp};
    }
    return options;
}

int run_tracepdb(const TracepdbOptions& options, const char* tool) {
    return Run(options, tool).run();
}

std::string symbol_path_text(const std::string& option) {
    if (!split_list(option).empty()) return option;
    const char* const variable = std::getenv("_NT_SYMBOL_PATH");
    return variable != nullptr ? variable : "";
}

}  // namespace etw::cli
