#include "decode/image_table.h"

#include "base/utf16.h"
#include "etl/kernel_class.h"

#include <algorithm>
#include <limits>

namespace etw::decode {
namespace {

constexpr uint16_t kLoad = 0x030A;
constexpr uint16_t kUnload = 0x1402;
constexpr uint16_t kRundown = 0x1403;
constexpr uint16_t kEndRundown = 0x1404;
constexpr uint16_t kThreadStart = 0x0501;
constexpr uint16_t kThreadRundown = 0x0503;
constexpr uint16_t kThreadEndRundown = 0x0504;
constexpr Guid kImageId{
    0xb3e675d7, 0x2554, 0x4f18, {0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde}};
constexpr uint8_t kBuildIdType = 0x24;  // DbgID_RSDS

constexpr int64_t kAlways = std::numeric_limits<int64_t>::min();
constexpr int64_t kForever = std::numeric_limits<int64_t>::max();
constexpr uint64_t kKernelHalf = uint64_t{1} << 63;
constexpr size_t kMaxPath = 2048;    // UTF-16 units
constexpr size_t kMaxOverlaps = 64;  // images that are looked at for an address
constexpr size_t kNode = 96;         // of a tree, about

}  // namespace

bool ImageTable::tells_something(const etl::Record& record) noexcept {
    switch (record.hook_id) {
        case kLoad:
        case kUnload:
        case kRundown:
        case kEndRundown:
        case kThreadStart:
        case kThreadRundown:
        case kThreadEndRundown:
            return true;
        case 0:
            return record.provider == kImageId && record.descriptor.opcode == kBuildIdType;
        default:
            return false;
    }
}

void ImageTable::add(const etl::Record& record) {
    if (full()) return;
    switch (record.hook_id) {
        case kLoad:
        case kUnload:
        case kRundown:
        case kEndRundown:
            return add_image(record);
        case kThreadStart:
        case kThreadRundown:
        case kThreadEndRundown: {
            ByteReader in(record.payload);
            const auto process = in.read<uint32_t>("thread: process");
            const auto thread = in.read<uint32_t>("thread: id");
            if (!process || !thread) return;
            auto& lives = threads_[*thread];
            if (!lives.empty() && lives.back().process == *process) return;
            // One that was another process's has begun since, though its start was lost.
            const bool began = record.hook_id == kThreadStart || !lives.empty();
            lives.push_back({began ? record.time_stamp : kAlways, *process});
            bytes_ += kNode;
            return;
        }
        case 0:
            if (tells_something(record)) add_build_id(record);
            return;
        default:
            return;
    }
}

bool ImageTable::parse(const etl::Record& record, Mapped& out) {
    struct Wide {
        uint64_t base, size;
        uint32_t process, rest[3];
        uint64_t default_base;
        uint32_t more[4];
    };
    struct Narrow {
        uint32_t base, size;
        uint32_t process, rest[3];
        uint32_t default_base;
        uint32_t more[4];
    };
    static_assert(sizeof(Wide) == 56 && sizeof(Narrow) == 44);
    ByteReader in(record.payload);
    if (record.is_64_bit) {
        const auto fixed = in.read<Wide>("image");
        if (!fixed) return false;
        out = {fixed->base, fixed->size, fixed->process, {}};
    } else {
        const auto fixed = in.read<Narrow>("image");
        if (!fixed) return false;
        out = {fixed->base, fixed->size, fixed->process, {}};
    }
    std::u16string path;
    while (path.size() < kMaxPath) {
        const auto unit = in.read<char16_t>("image: name");
        if (!unit || *unit == u'\0') break;
        path.push_back(*unit);
    }
    out.path = to_utf8(path);
    return out.size != 0;
}

void ImageTable::add_image(const etl::Record& record) {
    Mapped mapped;
    if (!parse(record, mapped)) return;
    auto& images = images_[mapped.process];
    const int64_t time = record.time_stamp;
    const auto [begin, end] = images.equal_range(mapped.base);
    // What is at this base now, if anything is: a newer one is added where the one before has
    // ended.
    const auto open = begin == end ? end : std::prev(end);
    const bool known = open != end && open->second.to == kForever;
    if (record.hook_id == kUnload) {
        if (known) open->second.to = time;
        if (known) return;
    } else if (known) {
        const bool same =
            open->second.size == mapped.size && modules_[open->second.module].path == mapped.path;
        if (same || record.hook_id != kLoad) return;
        open->second.to = time;  // its end was lost
    }
    const bool began = record.hook_id == kLoad;
    const bool ended = record.hook_id == kUnload;
    images.emplace(mapped.base, Image{mapped.size, began ? time : kAlways, ended ? time : kForever,
                                      module_of(std::move(mapped.path), {})});
    bytes_ += sizeof(Image) + kNode;
}

// Behind the image's own record.
void ImageTable::add_build_id(const etl::Record& record) {
    ByteReader in(record.payload);
    uint64_t base = 0;
    if (record.is_64_bit) {
        const auto wide = in.read<uint64_t>("build id: base");
        if (!wide) return;
        base = *wide;
    } else {
        const auto narrow = in.read<uint32_t>("build id: base");
        if (!narrow) return;
        base = *narrow;
    }
    const auto process = in.read<uint32_t>("build id: process");
    const auto id = in.take(sizeof(Guid), "build id");
    if (!process || !id) return;
    const auto images = images_.find(*process);
    if (images == images_.end()) return;
    const auto [begin, end] = images->second.equal_range(base);
    if (begin == end) return;
    Image& image = std::prev(end)->second;
    image.module = module_of(modules_[image.module].path, *id);
}

uint32_t ImageTable::module_of(std::string path, Bytes build_id) {
    const std::vector<std::byte> id(build_id.begin(), build_id.end());
    const auto [found, is_new] = by_name_.try_emplace({path, id}, uint32_t(modules_.size()));
    if (is_new) {
        bytes_ += 2 * (path.size() + kNode);
        modules_.push_back({std::move(path), id});
    }
    return found->second;
}

void ImageTable::drop_ended() {
    const auto has_ended = [](const auto& image) { return image.second.to != kForever; };
    for (auto& [process, images] : images_) std::erase_if(images, has_ended);
    std::erase_if(images_, [](const auto& process) { return process.second.empty(); });
    // A process that has nothing mapped is gone, and its threads with it.
    std::erase_if(threads_, [this](const auto& thread) {
        return images_.count(thread.second.back().process) == 0;
    });
    bytes_ = 0;
    for (const Module& module : modules_) bytes_ += 2 * (module.path.size() + kNode);
    for (const auto& [process, images] : images_) bytes_ += images.size() * (sizeof(Image) + kNode);
    for (auto& [id, lives] : threads_) {
        lives.erase(lives.begin(), lives.end() - 1);
        bytes_ += kNode;
    }
}

bool ImageTable::find(uint32_t process, int64_t time, uint64_t address, Place& out) const {
    constexpr uint32_t kKernel = 0;
    return find_in(address >= kKernelHalf ? kKernel : process, time, address, out);
}

bool ImageTable::find_in(uint32_t process, int64_t time, uint64_t address, Place& out) const {
    const auto images = images_.find(process);
    if (images == images_.end()) return false;
    auto at = images->second.upper_bound(address);
    for (size_t looked = 0; at != images->second.begin() && looked < kMaxOverlaps; ++looked) {
        --at;
        const auto& [base, image] = *at;
        const uint64_t offset = address - base;
        if (offset >= image.size || time < image.from || time > image.to) continue;
        out = {image.module, offset, base};
        return true;
    }
    return false;
}

uint32_t ImageTable::process_of(uint32_t thread, int64_t time) const {
    const auto lives = threads_.find(thread);
    if (lives == threads_.end()) return kNoProcess;
    const std::vector<Life>& all = lives->second;
    const auto after = std::upper_bound(all.begin(), all.end(), time,
                                        [](int64_t t, const Life& life) { return t < life.from; });
    return after == all.begin() ? all.front().process : std::prev(after)->process;
}

}  // namespace etw::decode
