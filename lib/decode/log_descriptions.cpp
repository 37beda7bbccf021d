#include "decode/log_descriptions.h"

#include "decode/blob_cache.h"
#include "decode/kernel_table.h"
#include "decode/manifest_xml.h"

namespace etw::decode {
namespace {

struct ChunkHeader {
    uint8_t format;
    uint8_t major;
    uint8_t minor;
    uint8_t magic;
    uint16_t total;
    uint16_t number;
};
constexpr uint8_t kFormatXml = 1;

const Guid kMetaData{0xbbccf6c1, 0x6cd1, 0x48c4, {0x80, 0xff, 0x83, 0x94, 0x82, 0xe3, 0x76, 0x71}};
constexpr uint8_t kEventInfo = 32;
constexpr uint8_t kEventMapInfo = 33;

bool is_manifest_chunk(const etl::Record& record) {
    return record.descriptor.id == kManifestEventId &&
           record.descriptor.channel != wire::kChannelTraceLogging;
}

}  // namespace

bool LogDescriptions::tells_something(const etl::Record& record) noexcept {
    switch (record.type) {
        case wire::HeaderType::kEvent32:
        case wire::HeaderType::kEvent64:
            return is_manifest_chunk(record);
        case wire::HeaderType::kFull32:
        case wire::HeaderType::kFull64:
            if (record.provider == kMetaData) return true;
            [[fallthrough]];
        default:
            return is_stack_record(record) || ImageTable::tells_something(record);
    }
}

void LogDescriptions::look_at(const etl::Record& record) {
    switch (record.type) {
        case wire::HeaderType::kEvent32:
        case wire::HeaderType::kEvent64:
            if (is_manifest_chunk(record)) manifest_chunk(record);
            break;
        case wire::HeaderType::kFull32:
        case wire::HeaderType::kFull64:
            if (record.provider == kMetaData) {
                meta_data(record);
                break;
            }
            [[fallthrough]];
        default:
            if (is_stack_record(record)) {
                stacks_.add(record);
            } else {
                images_.add(record);
            }
            break;
    }
    if (!is_stack_record(record)) stacks_.pass(record);
}

bool LogDescriptions::charge(size_t bytes) {
    if (bytes > kMaxBytes - bytes_) return false;
    bytes_ += bytes;
    return true;
}

// Chunks of several processes interleave; those of one come in order, and each sends all of them
// anew for every session that begins or ends.
void LogDescriptions::manifest_chunk(const etl::Record& record) {
    ChunkHeader header{};
    if (record.payload.size() < sizeof(header)) return;
    std::memcpy(&header, record.payload.data(), sizeof(header));
    if (header.format != kFormatXml || std::byte{header.magic} != kManifestMagic) return;
    if (header.number >= header.total) return;
    const Bytes text = record.payload.subspan(sizeof(header));
    const ManifestKey key{record.provider, record.process_id};
    Manifest& manifest = manifests_[key];
    const auto version = uint16_t(header.major << 8 | header.minor);
    const bool is_other = manifest.total != header.total || manifest.version != version;
    if (is_other || manifest.chunks.contains(header.number)) {
        bytes_ -= manifest.charged;
        manifest = {};
        if (!charge(sizeof(Manifest))) {
            manifests_.erase(key);
            return;
        }
        manifest.charged = sizeof(Manifest);
        manifest.version = version;
        manifest.total = header.total;
    }
    constexpr size_t kNode = 64;  // of a tree, about
    if (text.empty() || !charge(kNode + text.size())) return;
    manifest.charged += kNode + text.size();
    manifest.chunks[header.number].assign(text.begin(), text.end());
    if (manifest.chunks.size() < manifest.total) return;
    add_manifest(record.provider, manifest);
    manifests_.erase(key);
}

void LogDescriptions::add_manifest(const Guid& provider, const Manifest& manifest) {
    std::vector<std::byte> xml;
    for (const auto& [number, chunk] : manifest.chunks) {
        xml.insert(xml.end(), chunk.begin(), chunk.end());
    }
    bytes_ -= manifest.charged;  // from here on what the set makes of it counts
    while (!xml.empty() && xml.back() == std::byte{0}) xml.pop_back();
    if (known_.size() == kMaxTexts || !known_.insert(hash_bytes(xml)).second) return;
    auto models = parse_manifest(xml);
    if (!models) return;  // its events are shown undecoded
    for (ProviderModel& model : *models) {
        // A process speaks for the provider in whose name it writes.
        if (model.guid == provider) providers_.add(std::move(model));
    }
}

void LogDescriptions::meta_data(const etl::Record& record) {
    if (!charge(record.payload.size())) return;
    if (record.descriptor.opcode == kEventInfo) {
        event_infos_.emplace_back(record.payload.begin(), record.payload.end());
    } else if (record.descriptor.opcode == kEventMapInfo) {
        ByteReader in(record.payload);
        const auto provider = in.read<Guid>("map info: provider");
        if (!provider) return;
        auto map = parse_map_info(in.rest());
        if (!map) return;
        size_t size = 0;  // entries can share one text
        for (const auto& [value, name] : map->map.names) size += sizeof(name) + name.size();
        if (!charge(size)) return;
        maps_[*provider].try_emplace(std::move(map->name),
                                     std::make_shared<const ValueMap>(std::move(map->map)));
    }
}

void LogDescriptions::finish() {
    for (const auto& blob : event_infos_) {
        const auto provider = provider_of_event_info(blob);
        if (!provider) continue;
        if (auto model = parse_event_info(blob, maps_[*provider])) {
            providers_.add(*std::move(model));
        }
    }
    event_infos_.clear();
    manifests_.clear();
    stacks_.finish();
}

}  // namespace etw::decode
