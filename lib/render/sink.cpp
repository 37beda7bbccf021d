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

Status TeeSink::each(Status (*act)(Sink& sink, std::string_view text), std::string_view text) {
    for (size_t i = 0; i < sinks_.size();) {
        const Status done = act(*sinks_[i], text);
        if (done) {
            ++i;
        } else if (done.error().where == EPIPE && sinks_.size() > 1) {
            sinks_.erase(sinks_.begin() + std::ptrdiff_t(i));
        } else {
            return done;
        }
    }
    return Ok{};
}

Status TeeSink::write(std::string_view text) {
    return each([](Sink& sink, std::string_view t) { return sink.write(t); }, text);
}

Status TeeSink::close() {
    return each([](Sink& sink, std::string_view) { return sink.close(); }, {});
}

}  // namespace etw::render
