#include "tmf/pe_image.h"

#include <algorithm>
#include <optional>

namespace etw::tmf {
namespace {

constexpr size_t kNewHeaderAt = 0x3C;  // of the DOS header: where the PE signature is
constexpr uint16_t kPe32 = 0x10B;
constexpr uint16_t kPe32Plus = 0x20B;
constexpr size_t kDirectories32 = 96;  // offset in the optional header
constexpr size_t kDirectories64 = 112;
constexpr size_t kDebugDirectory = 6;
constexpr uint32_t kCodeView = 2;
constexpr uint32_t kRsds = 0x53445352;  // "RSDS": GUID, age and path of a PDB
constexpr size_t kMaxSections = 96;     // as Windows' loader has it
constexpr size_t kMaxDebugEntries = 64;
constexpr uint32_t kMaxReference = 4096;

struct FileHeader {
    uint32_t signature;  // "PE\0\0"
    uint16_t machine;
    uint16_t sections;
    uint32_t unused[3];
    uint16_t optional_size;
    uint16_t characteristics;
};
static_assert(sizeof(FileHeader) == 24);

struct Section {
    char name[8];
    uint32_t virtual_size;
    uint32_t address;
    uint32_t file_size;
    uint32_t file_offset;
    uint32_t unused[4];
};
static_assert(sizeof(Section) == 40);

struct Directory {
    uint32_t address;
    uint32_t size;
};

struct DebugEntry {
    uint32_t unused[3];
    uint32_t type;
    uint32_t size;
    uint32_t address;
    uint32_t file_offset;
};
static_assert(sizeof(DebugEntry) == 28);

class Image {
public:
    Image(const ReadAt& read, uint64_t size) : read_(read), size_(size) {}

    Result<PdbReference> pdb() {
        ETW_TRY(const Directory debug, read_headers());
        const Error none{Code::kFileNotFound, "the image names no PDB"};
        const auto at = file_offset(debug.address);
        if (debug.size == 0 || !at) return none;
        const size_t count = std::min(debug.size / sizeof(DebugEntry), kMaxDebugEntries);
        for (size_t i = 0; i < count; ++i) {
            ETW_TRY(const auto entry, at_offset<DebugEntry>(*at + i * sizeof(DebugEntry)));
            if (entry.type != kCodeView) continue;
            if (auto reference = read_reference(entry)) return reference;
        }
        return none;
    }

private:
    Result<std::vector<std::byte>> bytes(uint64_t offset, size_t size) const {
        if (offset > size_ || size > size_ - offset) {
            return Error{Code::kInvalidData, "image: outside the file", offset};
        }
        std::vector<std::byte> out(size);
        ETW_CHECK(read_(offset, out));
        return out;
    }
    template <Wire T>
    Result<T> at_offset(uint64_t offset) const {
        ETW_TRY(const auto raw, bytes(offset, sizeof(T)));
        return ByteReader(raw).read<T>("image");
    }

    Result<Directory> read_headers() {
        const Error other{Code::kNotSupported, "no image of Windows"};
        const auto magic = at_offset<uint16_t>(0);
        if (!magic || *magic != 0x5A4D) return other;
        ETW_TRY(const auto header_at, at_offset<uint32_t>(kNewHeaderAt));
        ETW_TRY(const auto header, at_offset<FileHeader>(header_at));
        if (header.signature != 0x4550) return other;
        const uint64_t optional_at = uint64_t{header_at} + sizeof(FileHeader);
        ETW_TRY(const auto kind, at_offset<uint16_t>(optional_at));
        if (kind != kPe32 && kind != kPe32Plus) return other;
        const size_t directories = kind == kPe32 ? kDirectories32 : kDirectories64;
        const size_t debug_at = directories + kDebugDirectory * sizeof(Directory);
        if (debug_at + sizeof(Directory) > header.optional_size) return Directory{0, 0};
        ETW_TRY(const auto debug, at_offset<Directory>(optional_at + debug_at));
        const size_t count = std::min<size_t>(header.sections, kMaxSections);
        for (size_t i = 0; i < count; ++i) {
            ETW_TRY(const auto section,
                    at_offset<Section>(optional_at + header.optional_size + i * sizeof(Section)));
            sections_.push_back(section);
        }
        return debug;
    }

    std::optional<uint64_t> file_offset(uint32_t address) const {
        for (const Section& s : sections_) {
            if (address < s.address || address - s.address >= s.file_size) continue;
            return uint64_t{s.file_offset} + (address - s.address);
        }
        return std::nullopt;
    }

    Result<PdbReference> read_reference(const DebugEntry& entry) const {
        ETW_TRY(const auto raw, bytes(entry.file_offset, std::min(entry.size, kMaxReference)));
        ByteReader in(raw);
        ETW_TRY(const auto signature, in.read<uint32_t>("image: reference to a PDB"));
        if (signature != kRsds) return Error{Code::kInvalidData, "image: reference to a PDB"};
        PdbReference out;
        ETW_TRY(out.identity.guid, in.read<Guid>("image: GUID of the PDB"));
        ETW_TRY(out.identity.age, in.read<uint32_t>("image: age of the PDB"));
        const Bytes path = in.rest();
        const auto nul = std::find(path.begin(), path.end(), std::byte{0});
        out.path.assign(reinterpret_cast<const char*>(path.data()), size_t(nul - path.begin()));
        return out;
    }

    const ReadAt& read_;
    uint64_t size_;
    std::vector<Section> sections_;
};

}  // namespace

Result<PdbReference> read_pdb_reference(const ReadAt& read, uint64_t file_size) {
    return Image(read, file_size).pdb();
}

}  // namespace etw::tmf
