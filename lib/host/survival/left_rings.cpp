#include "host/survival/left_rings.h"

#include "base/file.h"
#include "wire/control_protocol.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

namespace etw::host {
namespace {

// device-inode-blocks, in decimal.
bool parse_name(std::string_view name, LeftRings& out) {
    uint64_t numbers[3] = {};
    for (uint64_t& number : numbers) {
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error != std::errc()) return false;
        name.remove_prefix(size_t(end - name.data()));
        const bool last = &number == numbers + 2;
        if (last != name.empty() || (!last && name.front() != '-')) return false;
        if (!last) name.remove_prefix(1);
    }
    out.rings = {numbers[0], numbers[1]};
    out.blocks = uint32_t(std::min<uint64_t>(numbers[2], wire::RingGeometry::kMaxBlocks));
    return true;
}

}  // namespace

std::vector<LeftRings> find_left_rings(const std::string& state_folder) {
    std::vector<LeftRings> found;
    std::error_code unreadable;
    const std::string prefix = wire::kLeftRingsPrefix;
    for (const auto& entry : std::filesystem::directory_iterator(state_folder, unreadable)) {
        const std::string name = entry.path().filename();
        LeftRings left{entry.path(), {}, 0};
        if (name.starts_with(prefix) &&
            parse_name(std::string_view(name).substr(prefix.size()), left))
            found.push_back(left);
    }
    return found;
}

Result<ring::RingSet> read_left_rings(const std::string& path, const wire::RingGeometry& geometry) {
    if (!geometry.valid()) return Error{Code::kInvalidData, "left rings: geometry", 0};
    const File file(UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)));
    if (!file) return Error{code_from_errno(errno), "left rings: open", uint64_t(errno)};
    ETW_TRY(const uint64_t size, file.size());
    if (size != geometry.set_size()) return Error{Code::kInvalidData, "left rings: size", size};
    ETW_TRY(auto rings, ring::RingSet::create(geometry));
    std::vector<std::byte> chunk(size_t{1} << 20);
    for (uint64_t at = 0; at < size;) {
        const auto part =
            std::span(chunk).first(size_t(std::min<uint64_t>(chunk.size(), size - at)));
        ETW_CHECK(file.read_at(at, part));
        const ssize_t n = ::pwrite(rings.fd().get(), part.data(), part.size(), off_t(at));
        if (n <= 0) return Error{code_from_errno(errno), "left rings: copy", uint64_t(errno)};
        at += uint64_t(n);
    }
    return rings;
}

}  // namespace etw::host
