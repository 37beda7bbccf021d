#include "base/file.h"

namespace etw {

Result<std::vector<std::byte>> read_file(const std::string& path, size_t max_size) {
    ETW_TRY(const File file, File::open_read(path));
    ETW_TRY(const uint64_t size, file.size());
    if (size > max_size) return Error{Code::kBadLength, "read: file too large", size};
    std::vector<std::byte> out(static_cast<size_t>(size));
    ETW_CHECK(file.read_at(0, out));
    return out;
}

}  // namespace etw
