#include "decode/pe_resources.h"

#include <algorithm>
#include <optional>

namespace etw::decode {
namespace {

constexpr uint16_t kDosMagic = 0x5A4D;     // "MZ"
constexpr uint32_t kPeMagic = 0x00004550;  // "PE\0\0"
constexpr size_t kPeOffsetAt = 0x3C;
constexpr uint16_t kMagic32 = 0x10B;
constexpr uint16_t kMagic64 = 0x20B;
constexpr uint32_t kResourceDirectory = 2;  // position among the data directories
constexpr uint16_t kAmericanEnglish = 0x0409;
constexpr size_t kMaxResources = 4096;  // that are looked at
constexpr uint32_t kHighBit = 0x80000000;

struct FileHeader {
    uint16_t machine;
    uint16_t section_count;
    uint32_t time_stamp;
    uint32_t symbol_table;
    uint32_t symbol_count;
    uint16_t optional_size;
    uint16_t characteristics;
};
static_assert(sizeof(FileHeader) == 20);

struct Section {
    char name[8];
    uint32_t virtual_size;
    uint32_t address;
    uint32_t raw_size;
    uint32_t raw_offset;
    uint32_t unused[4];
};
static_assert(sizeof(Section) == 40);

struct DataDirectory {
    uint32_t address;
    uint32_t size;
};

struct DirectoryHeader {
    uint32_t characteristics;
    uint32_t time_stamp;
    uint32_t version;
    uint16_t named_count;
    uint16_t numbered_count;
};
static_assert(sizeof(DirectoryHeader) == 16);

struct DirectoryEntry {
    uint32_t name;  // a number, or with kHighBit the offset of a text
    uint32_t data;  // offset of a leaf, or with kHighBit of a directory
};

struct Leaf {
    uint32_t address;
    uint32_t size;
    uint32_t code_page;
    uint32_t reserved;
};

class PeFile {
public:
    explicit PeFile(Bytes file) : file_(file) {}

    Status open() {
        ByteReader dos(file_);
        ETW_TRY(const auto magic, dos.read<uint16_t>("PE: DOS header"));
        if (magic != kDosMagic) return Error{Code::kInvalidData, "PE: no program of Windows"};
        ETW_TRY(const Bytes at, slice(kPeOffsetAt, sizeof(uint32_t)));
        ETW_TRY(const auto pe_at, ByteReader(at).read<uint32_t>("PE: header"));
        if (pe_at > file_.size()) return Error{Code::kInvalidData, "PE: header"};
        ByteReader in(file_.subspan(pe_at));
        ETW_TRY(const auto signature, in.read<uint32_t>("PE: signature"));
        if (signature != kPeMagic) return Error{Code::kInvalidData, "PE: no program of Windows"};
        ETW_TRY(const auto header, in.read<FileHeader>("PE: file header"));
        ETW_TRY(const Bytes optional, in.take(header.optional_size, "PE: optional header"));
        ETW_CHECK(read_directory(optional));
        for (uint16_t i = 0; i < header.section_count; ++i) {
            ETW_TRY(const auto section, in.read<Section>("PE: section"));
            sections_.push_back(section);
        }
        return Ok{};
    }

    // The resource section's bytes from its directory on; empty where there are none.
    Result<Bytes> resources() const {
        if (directory_.address == 0) return Bytes();
        return mapped(directory_.address, std::nullopt);
    }

    // What is at an address of the loaded program: `size` bytes, or up to the section's end.
    Result<Bytes> mapped(uint32_t address, std::optional<uint32_t> size) const {
        for (const Section& section : sections_) {
            if (address < section.address) continue;
            const uint32_t distance = address - section.address;
            if (distance >= section.raw_size || section.raw_offset > file_.size()) continue;
            const size_t stored =
                std::min<size_t>(section.raw_size, file_.size() - section.raw_offset);
            if (distance >= stored) continue;
            const size_t left = stored - distance;
            if (size && *size > left) break;
            return file_.subspan(section.raw_offset + distance, size ? *size : left);
        }
        return Error{Code::kInvalidData, "PE: address outside of the sections", address};
    }

private:
    Result<Bytes> slice(size_t offset, size_t size) const {
        if (offset > file_.size() || size > file_.size() - offset) {
            return Error{Code::kInvalidData, "PE: ends early"};
        }
        return file_.subspan(offset, size);
    }

    Status read_directory(Bytes optional) {
        ByteReader in(optional);
        ETW_TRY(const auto magic, in.read<uint16_t>("PE: optional header"));
        if (magic != kMagic32 && magic != kMagic64) {
            return Error{Code::kInvalidData, "PE: optional header"};
        }
        const size_t before_count = magic == kMagic32 ? 92 : 108;
        ETW_CHECK(in.take(before_count - sizeof(magic), "PE: optional header"));
        ETW_TRY(const auto count, in.read<uint32_t>("PE: data directories"));
        if (count <= kResourceDirectory) return Ok{};
        ETW_CHECK(in.take(kResourceDirectory * sizeof(DataDirectory), "PE: data directories"));
        ETW_TRY(directory_, in.read<DataDirectory>("PE: resource directory"));
        return Ok{};
    }

    Bytes file_;
    std::vector<Section> sections_;
    DataDirectory directory_{};
};

// A tree of three levels: type, name, language.
class ResourceTree {
public:
    ResourceTree(const PeFile& file, Bytes section) : file_(file), section_(section) {}

    Result<std::vector<Bytes>> find(const ResourceType& type) {
        ETW_TRY(const auto types, read(0));
        for (const DirectoryEntry& entry : types) {
            if (!matches(entry, type) || (entry.data & kHighBit) == 0) continue;
            ETW_TRY(const auto names, read(entry.data & ~kHighBit));
            for (const DirectoryEntry& name : names) {
                if ((name.data & kHighBit) == 0) continue;
                ETW_TRY(const auto languages, read(name.data & ~kHighBit));
                for (const DirectoryEntry& language : languages) ETW_CHECK(add(language));
            }
        }
        std::stable_partition(found_.begin(), found_.end(),
                              [](const Found& f) { return f.preferred; });
        std::vector<Bytes> out;
        for (const Found& found : found_) out.push_back(found.data);
        return out;
    }

private:
    struct Found {
        Bytes data;
        bool preferred;
    };

    Result<std::vector<DirectoryEntry>> read(uint32_t offset) const {
        if (offset > section_.size()) return Error{Code::kInvalidData, "PE: resource directory"};
        ByteReader in(section_.subspan(offset));
        ETW_TRY(const auto header, in.read<DirectoryHeader>("PE: resource directory"));
        const size_t count = size_t{header.named_count} + header.numbered_count;
        if (count > kMaxResources) return Error{Code::kInvalidData, "PE: too many resources"};
        std::vector<DirectoryEntry> out(count);
        for (DirectoryEntry& entry : out) {
            ETW_TRY(entry, in.read<DirectoryEntry>("PE: resource entry"));
        }
        return out;
    }

    bool matches(const DirectoryEntry& entry, const ResourceType& type) const {
        const bool is_named = (entry.name & kHighBit) != 0;
        if (const auto* number = std::get_if<uint16_t>(&type)) {
            return !is_named && entry.name == *number;
        }
        const auto& name = std::get<std::u16string_view>(type);
        const uint32_t offset = entry.name & ~kHighBit;
        if (!is_named || offset > section_.size()) return false;
        ByteReader in(section_.subspan(offset));
        const auto length = in.read<uint16_t>("PE: resource name");
        if (!length || *length != name.size()) return false;
        const auto text = in.take(name.size() * sizeof(char16_t), "PE: resource name");
        return text && std::memcmp(text->data(), name.data(), text->size()) == 0;
    }

    Status add(const DirectoryEntry& language) {
        if ((language.data & kHighBit) != 0 || language.data > section_.size()) {
            return Error{Code::kInvalidData, "PE: resource data"};
        }
        if (found_.size() == kMaxResources)
            return Error{Code::kInvalidData, "PE: too many resources"};
        ByteReader in(section_.subspan(language.data));
        ETW_TRY(const auto leaf, in.read<Leaf>("PE: resource data"));
        ETW_TRY(const Bytes data, file_.mapped(leaf.address, leaf.size));
        found_.push_back({data, language.name == kAmericanEnglish});
        return Ok{};
    }

    const PeFile& file_;
    Bytes section_;
    std::vector<Found> found_;
};

}  // namespace

Result<std::vector<Bytes>> find_resources(Bytes file, const ResourceType& type) {
    PeFile pe(file);
    ETW_CHECK(pe.open());
    ETW_TRY(const Bytes section, pe.resources());
    if (section.empty()) return std::vector<Bytes>();
    return ResourceTree(pe, section).find(type);
}

}  // namespace etw::decode
