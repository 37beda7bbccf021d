// What a log says of its own events: manifests that EventSource sends in chunks, the records that a
// merge adds for the manifests of its machine, stacks, images. All of it may stand behind the
// events that need it, so that a log is looked through before it is decoded.
#pragma once
#include "decode/event_info.h"
#include "decode/image_table.h"
#include "decode/provider_set.h"
#include "decode/stack_table.h"

#include <map>
#include <unordered_set>

namespace etw::decode {

class LogDescriptions {
public:
    LogDescriptions(ProviderSet& providers, StackTable& stacks, ImageTable& images)
        : providers_(providers), stacks_(stacks), images_(images) {}

    // Whether a record is one that look_at() does something with.
    static bool tells_something(const etl::Record& record) noexcept;
    // Every record that tells something, in order; others may be among them: behind which of them
    // a stack stands says whose it is.
    void look_at(const etl::Record& record);
    // Behind the last one: adds to the set what has to be known as a whole.
    void finish();

private:
    // What is kept of a log until finish(), and of manifests that are not whole yet.
    static constexpr size_t kMaxBytes = size_t{32} << 20;
    static constexpr size_t kMaxTexts = 65536;

    struct ManifestKey {
        Guid provider;
        uint32_t process;
        friend auto operator<=>(const ManifestKey&, const ManifestKey&) = default;
    };
    struct Manifest {
        uint16_t version = 0;
        uint16_t total = 0;  // of its chunks
        std::map<uint16_t, std::vector<std::byte>> chunks;
        size_t charged = 0;  // bytes
    };

    void manifest_chunk(const etl::Record& record);
    void add_manifest(const Guid& provider, const Manifest& manifest);
    void meta_data(const etl::Record& record);
    bool charge(size_t bytes);

    ProviderSet& providers_;
    StackTable& stacks_;
    ImageTable& images_;
    std::map<ManifestKey, Manifest> manifests_;  // that are not whole yet
    std::unordered_set<uint64_t> known_;         // hashes of texts that were read already
    std::vector<std::vector<std::byte>> event_infos_;
    std::map<Guid, MapsByName> maps_;
    size_t bytes_ = 0;
};

// EventSource sends its manifest as events of this id.
constexpr uint16_t kManifestEventId = 0xFFFE;
constexpr size_t kManifestMagicOffset = 3;
constexpr std::byte kManifestMagic{0x5B};

}  // namespace etw::decode
