// tracefmt's exports: which are asked for, and what makes each.
#pragma once
#include "cli/cli.h"
#include "export/exporter.h"
#include "render/record_filter.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace etw::cli {

struct TracefmtOptions;

struct ExportJob {
    enum class Kind : uint8_t { kPerfetto, kCtf, kPcapng, kRelog };
    Kind kind = Kind::kPerfetto;
    std::string path;  // "-": standard output
};

// As the command line has them; "" where an export is not asked for.
struct ExportWords {
    std::string perfetto, ctf, pcapng, relog;
};
void add_export_options(CLI::App& app, ExportWords& words);
// The exports of `options`, whose other words have been taken, and whether there is text besides.
Result<Ok, UsageError> take_exports(const ExportWords& words, TracefmtOptions& options);

// `logs`: what is read, empty for live events.
Result<std::unique_ptr<exports::Exporter>> make_exporter(const ExportJob& job,
                                                         std::span<const etl::LogReader> logs,
                                                         const render::FilterOptions& filter);

}  // namespace etw::cli
