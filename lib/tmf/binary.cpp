#include "tmf/binary.h"

#include "base/file.h"
#include "tmf/pdb.h"

#include <array>

namespace etw::tmf {
namespace {

constexpr std::string_view kMsfBegins = "Microsoft C/C++ ";

Result<BinaryMessages> read_pdb(const File& file, uint64_t size) {
    const ReadAt read = [&file](uint64_t offset, std::span<std::byte> out) {
        return file.read_at(offset, out);
    };
    ETW_TRY(auto msf, MsfFile::open(read, size));
    ETW_TRY(PdbMessages pdb, read_pdb_messages(msf));
    return BinaryMessages{std::move(pdb.messages), std::move(pdb.skipped), pdb.damaged_modules};
}

}  // namespace

Result<BinaryMessages> read_binary(const std::string& path) {
    ETW_TRY(const File file, File::open_read(path));
    ETW_TRY(const uint64_t size, file.size());
    std::array<char, kMsfBegins.size()> start{};
    if (size >= start.size()) ETW_CHECK(file.read_at(0, std::as_writable_bytes(std::span(start))));
    const std::string_view magic(start.data(), start.size());
    if (magic == kMsfBegins) return read_pdb(file, size);
    return Error{Code::kNotSupported, "neither a PDB file nor an ELF binary"};
}

}  // namespace etw::tmf
