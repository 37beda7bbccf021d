#include "cli/output.h"

#include "base/path.h"

#include <filesystem>

namespace etw::cli {

OutputNames default_output_names(const std::string& output) {
    if (output.empty()) return {"FmtFile.txt", "FmtSum.txt"};
    if (output == kStandardOutput) return {kStandardOutput, ""};
    return {output, output + ".sum"};
}

bool same_file(const std::string& a, const std::string& b) {
    std::error_code error;
    return std::filesystem::equivalent(to_path(a), to_path(b), error) && !error;
}

Result<std::unique_ptr<render::Sink>> open_output(const std::string& text, bool display) {
    std::vector<std::unique_ptr<render::Sink>> sinks;
    if (display || text == kStandardOutput) sinks.push_back(render::FileSink::standard_output());
    if (!text.empty() && text != kStandardOutput) {
        ETW_TRY(std::unique_ptr<render::Sink> file, render::FileSink::create(text));
        sinks.push_back(std::move(file));
    }
    if (sinks.size() == 1) return std::move(sinks.front());
    return std::unique_ptr<render::Sink>(new render::TeeSink(std::move(sinks)));
}

}  // namespace etw::cli
