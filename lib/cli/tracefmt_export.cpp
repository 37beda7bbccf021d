#include "cli/tracefmt_export.h"

#include "base/path.h"
#include "cli/output.h"
#include "cli/tracefmt.h"
#include "etw/check.h"
#include "export/ctf.h"
#include "export/pcapng.h"
#include "export/perfetto.h"
#include "export/relog.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>

namespace etw::cli {
namespace {

// An exporter, or why there is none, as what every export is.
template <class T>
Result<std::unique_ptr<exports::Exporter>> any(Result<std::unique_ptr<T>> made) {
    if (!made) return made.error();
    return std::unique_ptr<exports::Exporter>(*std::move(made));
}

// Pipes and devices take what comes, as often as it comes.
bool is_device(const std::string& path) {
    std::error_code ignored;
    const auto status = std::filesystem::status(to_path(path), ignored);
    return std::filesystem::is_other(status);
}

// Those that become files, as typed.
std::vector<std::string> files_written(const TracefmtOptions& options) {
    std::vector<std::string> out;
    for (const ExportJob& job : options.exports) out.push_back(job.path);
    if (options.text) {
        const OutputNames names = default_output_names(options.output);
        if (!options.display_only && !options.summary_only) out.push_back(names.text);
        if (options.summary) out.push_back(names.summary);
    }
    std::erase_if(out, [](const std::string& name) {
        return name.empty() || name == kStandardOutput || is_device(name);
    });
    return out;
}

// Live events come once; a log is written to a file; standard output holds one output.
Result<Ok, UsageError> check_exports(const TracefmtOptions& options) {
    const auto is_stdout = [](const std::string& path) { return path == kStandardOutput; };
    size_t to_stdout =
        options.text && (options.display || options.display_only || is_stdout(options.output)) ? 1
                                                                                               : 0;
    for (const ExportJob& job : options.exports) to_stdout += is_stdout(job.path) ? 1 : 0;
    if (to_stdout > 1) return UsageError{"only one output can go to standard output"};
    std::vector<std::string> names = files_written(options);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) {
        return UsageError{fmt::format("'{}' would be two outputs; name another", *twice)};
    }
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

void add_export_options(CLI::App& app, ExportWords& words) {
    app.add_option("--perfetto", words.perfetto);
    app.add_option("--ctf", words.ctf);
    app.add_option("--pcapng", words.pcapng);
    app.add_option("--relog", words.relog);
}

Result<Ok, UsageError> take_exports(const ExportWords& words, TracefmtOptions& options) {
    const auto add = [&](ExportJob::Kind kind, const std::string& path) {
        if (!path.empty()) options.exports.push_back({kind, path});
    };
    add(ExportJob::Kind::kPerfetto, words.perfetto);
    add(ExportJob::Kind::kCtf, words.ctf);
    add(ExportJob::Kind::kPcapng, words.pcapng);
    add(ExportJob::Kind::kRelog, words.relog);
    options.text = options.exports.empty() || !options.output.empty() || options.display ||
                   options.display_only || options.summary_only;
    return check_exports(options);
}

Result<std::unique_ptr<exports::Exporter>> make_exporter(const ExportJob& job,
                                                         std::span<const etl::LogReader> logs,
                                                         const render::FilterOptions& filter) {
    switch (job.kind) {
        case ExportJob::Kind::kPerfetto:
            return any(exports::Perfetto::create(job.path));
        case ExportJob::Kind::kCtf:
            return any(exports::Ctf::create(job.path));
        case ExportJob::Kind::kPcapng:
            return any(exports::Pcapng::create(job.path));
        case ExportJob::Kind::kRelog:
            break;
    }
    ETW_ASSERT(!logs.empty());  // the command line has seen to it
    exports::RelogOptions options;
    options.keep_machine = filter.providers.empty() && filter.provider_names.empty();
    return any(exports::Relog::create(job.path, logs, options));
}

}  // namespace etw::cli
