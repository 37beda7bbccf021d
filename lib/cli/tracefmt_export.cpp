#include "cli/tracefmt_export.h"

#include "etw/check.h"
#include "export/ctf.h"
#include "export/pcapng.h"
#include "export/perfetto.h"
#include "export/relog.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace etw::cli {
namespace {

// An exporter, or why there is none, as what every export is.
template <class T>
Result<std::unique_ptr<exports::Exporter>> any(Result<std::unique_ptr<T>> made) {
    if (!made) return made.error();
    return std::unique_ptr<exports::Exporter>(*std::move(made));
}

}  // namespace

void add_export_options(CLI::App& app, ExportWords& words) {
    app.add_option("--perfetto", words.perfetto);
    app.add_option("--ctf", words.ctf);
    app.add_option("--pcapng", words.pcapng);
    app.add_option("--relog", words.relog);
}

std::vector<ExportJob> export_jobs(const ExportWords& words) {
    std::vector<ExportJob> out;
    const auto add = [&](ExportJob::Kind kind, const std::string& path) {
        if (!path.empty()) out.push_back({kind, path});
    };
    add(ExportJob::Kind::kPerfetto, words.perfetto);
    add(ExportJob::Kind::kCtf, words.ctf);
    add(ExportJob::Kind::kPcapng, words.pcapng);
    add(ExportJob::Kind::kRelog, words.relog);
    return out;
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
