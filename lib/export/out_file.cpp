#include "export/out_file.h"

#include "base/path.h"

#include <cerrno>
#include <filesystem>
#include <utility>

namespace etw::exports {
namespace {

constexpr size_t kBuffer = 256 * 1024;

Error last_error(const char* what) { return Error{code_from_errno(errno), what, uint64_t(errno)}; }

}  // namespace

void OutFile::Closer::operator()(std::FILE* file) const noexcept {
    if (file != stdout) std::fclose(file);
}

OutFile::OutFile(std::FILE* file, std::string path, std::string part)
    : file_(file), path_(std::move(path)), part_(std::move(part)) {}

Result<OutFile> OutFile::create(const std::string& path) {
    if (path == kStandardOutput) return OutFile(stdout, path, "");
    std::error_code ignored;
    const auto kind = std::filesystem::status(to_path(path), ignored).type();
    if (kind == std::filesystem::file_type::directory) {
        return Error{Code::kInvalidParameter, "is a folder; name a file"};
    }
    const bool special = kind != std::filesystem::file_type::regular &&
                         kind != std::filesystem::file_type::not_found;
    const std::string part = special ? "" : path + kPartSuffix;
    std::FILE* const file = std::fopen(special ? path.c_str() : part.c_str(), "wb");
    if (file == nullptr) return last_error("open for writing");
    std::setvbuf(file, nullptr, _IOFBF, kBuffer);
    return OutFile(file, path, part);
}

OutFile::~OutFile() {
    if (!file_ || part_.empty()) return;
    file_.reset();
    std::error_code ignored;
    std::filesystem::remove(to_path(part_), ignored);
}

Status OutFile::write(Bytes bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
        return last_error("write");
    }
    return Ok{};
}

Status OutFile::write_front(Bytes bytes) {
    if (std::fseek(file_.get(), 0, SEEK_SET) != 0) return last_error("go back in the output");
    return write(bytes);
}

Status OutFile::flush() {
    if (std::fflush(file_.get()) != 0) return last_error("write");
    return Ok{};
}

Status OutFile::finish() {
    ETW_CHECK(flush());
    if (part_.empty()) return Ok{};
    if (std::fclose(file_.release()) != 0) return last_error("write");
    std::error_code error;
    std::filesystem::rename(to_path(part_), to_path(path_), error);
    if (!error) return Ok{};
    std::filesystem::remove(to_path(part_), error);
    return Error{Code::kInvalidParameter, "give the file its name"};
}

}  // namespace etw::exports
