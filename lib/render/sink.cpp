#include "render/sink.h"

#include <cerrno>
#include <utility>

namespace etw::render {
namespace {

Error last_error(const char* what) { return Error{code_from_errno(errno), what, uint64_t(errno)}; }

}  // namespace

Result<std::unique_ptr<FileSink>> FileSink::create(const std::string& path) {
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) return last_error("open for writing");
    std::setvbuf(file, nullptr, _IONBF, 0);  // the blocks that come are large
    return std::unique_ptr<FileSink>(new FileSink(file, true));
}

std::unique_ptr<FileSink> FileSink::standard_output() {
    std::fflush(stdout);
    return std::unique_ptr<FileSink>(new FileSink(stdout, false));
}

FileSink::~FileSink() {
    if (owned_ && file_ != nullptr) std::fclose(file_);
}

Status FileSink::write(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) return last_error("write");
    // Of live events, this is all there is to see for now; otherwise it is one block of many lines.
    if (!owned_ && std::fflush(file_) != 0) return last_error("write");
    return Ok{};
}

Status FileSink::close() {
    std::FILE* const file = std::exchange(file_, nullptr);
    const int result = owned_ ? std::fclose(file) : std::fflush(file);
    if (result != 0) return last_error("write");
    return Ok{};
}

Status TeeSink::write(std::string_view text) {
    for (const auto& sink : sinks_) ETW_CHECK(sink->write(text));
    return Ok{};
}

Status TeeSink::close() {
    for (const auto& sink : sinks_) ETW_CHECK(sink->close());
    return Ok{};
}

}  // namespace etw::render
