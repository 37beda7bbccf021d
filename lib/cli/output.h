// The output files of a formatting tool: their names, and how they are opened.
#pragma once
#include "etw/result.h"
#include "render/sink.h"

#include <memory>
#include <string>
#include <vector>

namespace etw::cli {

constexpr char kStandardOutput[] = "-";

struct OutputNames {
    std::string text;     // "": none; kStandardOutput: stdout
    std::string summary;  // "": none
};

// Windows' defaults: FmtFile.txt and FmtSum.txt, or `output` and `output`.sum. Text that goes to
// stdout by name (`-o -`) has no summary beside it.
OutputNames default_output_names(const std::string& output);

// Whether both names lead to the same existing file.
bool same_file(const std::string& a, const std::string& b);

// The sink for `text`, with stdout as a second one if `display`.
Result<std::unique_ptr<render::Sink>> open_output(const std::string& text, bool display);

}  // namespace etw::cli
