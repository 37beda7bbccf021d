#include "kernel/events/image_events.h"

#include "kernel/programs/bpf_images.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

namespace etw::kernel {
namespace {

constexpr uint16_t kLoad = 0x030A;
constexpr uint16_t kUnload = 0x1402;
constexpr uint16_t kRundown = 0x1403;
constexpr uint16_t kEndRundown = 0x1404;
constexpr uint8_t kBuildIdType = 0x24;  // DbgID_RSDS
constexpr Guid kImageId{
    0xb3e675d7, 0x2554, 0x4f18, {0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde}};
constexpr char kKernelName[] = "[kernel]";

void find_file(Image& image) {
    struct stat file {};
    if (::stat(image.path.c_str(), &file) != 0) return;
    image.inode = uint64_t(file.st_ino);
    image.device = device_number(major(file.st_dev), minor(file.st_dev));
}

}  // namespace

Image image_of(uint64_t address, uint64_t length, uint64_t offset, std::string path) {
    if (path == kAnonymous) offset = 0;  // the kernel tells its address once more
    Image out;
    out.base = address - offset;
    out.size = length + offset;
    out.skipped = offset;
    out.path = std::move(path);
    return out;
}

std::vector<Image> images_of(uint32_t pid) {
    std::vector<Image> out;
    std::ifstream in(fmt::format("/proc/{}/maps", pid));
    for (std::string line; std::getline(in, line);) {
        uint64_t from = 0;
        uint64_t to = 0;
        uint64_t offset = 0;
        uint64_t inode = 0;
        char rights[5] = {};
        int end = 0;
        unsigned major = 0;
        unsigned minor = 0;
        if (std::sscanf(line.c_str(),
                        "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &from, &to,
                        rights, &offset, &major, &minor, &inode, &end) < 7) {
            continue;
        }
        const std::string path = line.substr(std::min(line.size(), size_t(end)));
        const bool anonymous = path.empty() || path.starts_with("[anon:");
        const bool named = path.starts_with('/') || path == "[vdso]";
        if (rights[2] != 'x' || !(anonymous || named)) continue;
        Image& image = out.emplace_back(
            image_of(from, to - from, offset, anonymous ? std::string(kAnonymous) : path));
        image.inode = inode;
        image.device = device_number(major, minor);
    }
    return out;
}

std::vector<Image> kernel_images() {
    std::vector<Image> out;
    Image kernel;
    kernel.path = kKernelName;
    kernel.build_id = build_id_of_kernel();
    std::ifstream symbols("/proc/kallsyms");
    for (std::string line; std::getline(symbols, line);) {
        const uint64_t address = std::strtoull(line.c_str(), nullptr, 16);
        if (line.ends_with(" _text")) kernel.base = address;
        const bool of_module = line.ends_with(']');
        if (kernel.base == 0 || of_module || address < kernel.base) continue;
        // A kernel that lists code only has no _end.
        kernel.size = std::max(kernel.size, address - kernel.base + 1);
        if (line.ends_with(" _end")) {
            --kernel.size;
            break;
        }
    }
    if (kernel.base != 0) out.push_back(std::move(kernel));
    std::ifstream modules("/proc/modules");
    for (std::string line; std::getline(modules, line);) {
        // name size users dependents state address
        std::istringstream words(line);
        std::string name, users, dependents, state, address;
        uint64_t size = 0;
        if (!(words >> name >> size >> users >> dependents >> state >> address)) continue;
        out.push_back(
            image_of(std::strtoull(address.c_str(), nullptr, 16), size, 0, "[" + name + "]"));
    }
    return out;
}

void ImageEvents::look_at(uint32_t process, const CounterSource& counter) {
    OfProcess& known = images_[process];
    if (!known.empty()) return;
    std::vector<Image> images = images_of(process);
    const int64_t seen_at = counter.now();
    for (Image& image : images) keep(known, std::move(image), seen_at);
    looked_at_.push_back(process);
}

// The kernel's symbols and build ids take longer than all the rest: they come behind it, so that
// few programs are gone before it is known what they had mapped.
void ImageEvents::scan(const CounterSource& counter) {
    for (const auto& [pid, process] : context_.tasks.processes()) {
        if (pid != 0) look_at(pid, counter);
    }
    if (OfProcess& kernel = images_[0]; kernel.empty()) {
        for (Image& image : kernel_images()) keep(kernel, std::move(image), counter.now());
        for (Image& image : bpf_images()) keep(kernel, std::move(image), counter.now());
    }
    for (const uint32_t pid : std::exchange(looked_at_, {})) {
        const auto found = images_.find(pid);
        if (found == images_.end()) continue;
        for (auto& [base, loaded] : found->second) {
            Image& image = loaded.image;
            image.build_id = build_ids_.of(image.path, image.inode, pid);
        }
    }
}

size_t ImageEvents::count_code(uint32_t process, std::span<const uint64_t> addresses) const {
    constexpr int kMaxLooks = 8;  // images whose parts lie behind the beginning of others are rare
    const auto found = images_.find(process);
    if (!context_.has(kKernelImageLoad) || found == images_.end()) return addresses.size();
    const OfProcess& known = found->second;
    const auto is_code = [&known](uint64_t address) {
        auto at = known.upper_bound(address);
        for (int looks = 0; at != known.begin() && looks < kMaxLooks; ++looks) {
            --at;
            // A call that never returns may be the last instruction.
            const auto has_it = [address](const Part& part) {
                return part.from <= address && address <= part.to;
            };
            const auto& parts = at->second.parts;
            if (std::any_of(parts.begin(), parts.end(), has_it)) return true;
        }
        return false;
    };
    return size_t(std::find_if_not(addresses.begin(), addresses.end(), is_code) -
                  addresses.begin());
}

// Several parts of a file are one image.
void ImageEvents::keep(OfProcess& in, Image image, int64_t seen_at) {
    const Part part{image.base + image.skipped, image.base + image.size};
    Loaded& loaded = in[image.base];
    if (loaded.image.path != image.path || loaded.image.inode != image.inode) loaded = {};
    take_away(loaded.parts, part);
    loaded.parts.push_back(part);
    loaded.image = std::move(image);
    loaded.seen_at = seen_at;
}

void ImageEvents::take_away(std::vector<Part>& parts, const Part& gone) {
    std::vector<Part> left;
    for (const Part& part : parts) {
        if (!part.meets(gone)) {
            left.push_back(part);
            continue;
        }
        const Part before{part.from, std::min(part.to, gone.from)};
        const Part behind{std::max(part.from, gone.to), part.to};
        if (before.from < before.to) left.push_back(before);
        if (behind.from < behind.to) left.push_back(behind);
    }
    parts = std::move(left);
}

void ImageEvents::on_map(Image image, bool to_run, const Place& at) {
    // A process that began before the trace and was gone before /proc was read. The predecessor has
    // told of those that were gone before this one read it.
    if (context_.tasks.find(at.process) == nullptr && at.time >= gone_on_at_) return;
    const bool is_file = image.path.starts_with('/') && image.path != kAnonymous;
    if (is_file && image.inode == 0 && context_.has(kKernelDiskFileIo)) find_file(image);
    name(image, at);
    if (!to_run || !context_.has(kKernelImageLoad)) return;
    if (has_been_seen(image, at) || !drop_under(image, at)) return;
    if (image.build_id.empty()) {
        image.build_id = build_ids_.of(image.path, image.inode, at.process);
    }
    send_load(image, at);
    OfProcess& known = images_[at.process];
    const uint64_t base = image.base;
    keep(known, std::move(image), 0);
    known[base].is_told = true;
}

// Whether /proc had it when it was read, which was after this.
bool ImageEvents::has_been_seen(const Image& image, const Place& at) {
    OfProcess& known = images_[at.process];
    const auto found = known.find(image.base);
    if (found == known.end() || at.time >= found->second.seen_at) return false;
    Loaded& loaded = found->second;
    if (loaded.image.path != image.path || loaded.image.inode != image.inode) return false;
    if (!loaded.is_told) send_load(loaded.image, at);
    loaded.is_told = true;
    return true;
}

// Where something is mapped, what was there has gone, the same file included. False: it is what was
// there. Code that is made at run time is told each time that its memory turns from writable to
// executable.
bool ImageEvents::drop_under(const Image& image, const Place& at) {
    const Part taken{image.base + image.skipped, image.base + image.size};
    const auto is_under = [&](const Part& part) { return part.meets(taken); };
    std::vector<uint64_t> gone;
    for (const auto& [base, loaded] : images_[at.process]) {
        const Image& known = loaded.image;
        const bool same_file =
            base == image.base && known.inode == image.inode && known.path == image.path;
        const bool same_part = known.size == image.size && known.skipped == image.skipped;
        if (same_file && same_part && image.path == kAnonymous) return false;
        if (same_file && !same_part && image.path != kAnonymous) continue;  // more of it
        if (std::any_of(loaded.parts.begin(), loaded.parts.end(), is_under)) gone.push_back(base);
    }
    for (const uint64_t base : gone) drop(base, at);
    return true;
}

void ImageEvents::on_unmap(uint64_t from, uint64_t to, bool of_files, const Place& at) {
    const Part taken{from, to};
    bool is_known = false;
    std::vector<uint64_t> gone;
    if (const auto process = images_.find(at.process); process != images_.end()) {
        for (auto& [base, loaded] : process->second) {
            for (const Part& part : loaded.parts) is_known = is_known || part.meets(taken);
            take_away(loaded.parts, taken);
            if (loaded.parts.empty()) gone.push_back(base);
        }
    }
    for (const uint64_t base : gone) drop(base, at);
    // Had it been mapped after the predecessor was killed, that would have been told before this.
    const bool is_lost = of_files && !is_known && at.time < gone_on_at_;
    if (is_lost && context_.has(kKernelImageLoad) && context_.concerns(at.process))
        context_.sink.add_lost(1);
}

void ImageEvents::drop(uint64_t base, const Place& at) {
    const auto process = images_.find(at.process);
    if (process == images_.end()) return;
    const auto gone = process->second.extract(base);
    if (!gone.empty() && context_.has(kKernelImageLoad)) send(kUnload, gone.mapped().image, at);
}

// A copy of a process has mapped what that has, if only until it turns to another program: what it
// does up to there has addresses too.
void ImageEvents::on_fork(uint32_t parent, const Place& at) {
    const auto found = images_.find(parent);
    if (found == images_.end()) return;
    OfProcess copy = found->second;
    for (auto& [base, loaded] : copy) {
        if (context_.has(kKernelImageLoad)) send_load(loaded.image, at);
        loaded.seen_at = 0;
        loaded.is_told = true;
    }
    images_[at.process] = std::move(copy);
}

void ImageEvents::on_drop(const Place& at) {
    const auto found = images_.extract(at.process);
    if (found.empty() || !context_.has(kKernelImageLoad)) return;
    for (const auto& [base, loaded] : found.mapped()) send(kUnload, loaded.image, at);
}

void ImageEvents::rundown(uint32_t flags, bool at_end, int64_t time) {
    if ((flags & kKernelImageLoad) != 0) {
        for (auto& [process, images] : images_) {
            for (auto& [base, loaded] : images) {
                send(at_end ? kEndRundown : kRundown, loaded.image, {process, time, 0});
                // At the end, too: a circular log has lost what it was told at the beginning.
                send_build_id(loaded.image, {process, time, 0});
                loaded.is_told = loaded.is_told || !at_end;
            }
        }
    }
    if ((flags & kKernelDiskFileIo) == 0 || at_end) return;
    for (const auto& [process, images] : images_) {
        for (const auto& [base, loaded] : images) name(loaded.image, {process, time, 0});
    }
}

void ImageEvents::name(const Image& image, const Place& at) {
    if (!context_.has(kKernelDiskFileIo) || image.inode == 0) return;
    const uint64_t key = names_.key(image.device, image.inode);
    names_.learn(key, image.path);
    names_.tell(key, context_.sink, at.time, at.cpu);
}

void ImageEvents::send_load(const Image& image, const Place& at) {
    send(kLoad, image, at);
    send_build_id(image, at);
}

void ImageEvents::send(uint16_t hook, const Image& image, const Place& at) {
    if (!context_.concerns(at.process)) return;
    const bool rundown = hook == kRundown || hook == kEndRundown;
    const RecordIds ids{at.thread != 0 ? at.thread : at.process, at.process};
    LongRecordBuilder out =
        rundown ? LongRecordBuilder(hook, 3, at.time) : LongRecordBuilder(hook, 3, at.time, ids);
    const uint32_t none[4] = {};
    out.put(image.base)
        .put(image.size)
        .put(at.process)
        .put(uint32_t{0})  // neither checksum nor link time: an ELF file has a build id
        .put(uint32_t{0})
        .put(uint32_t{0})
        .put(image.base)
        .put(none)
        .put_path(image.path, context_.longest_record)
        .send(context_.sink, at.cpu);
}

// In the record that names a debug file of Windows: the first 16 bytes of the build id, which is
// how symbol servers file ELF files too.
void ImageEvents::send_build_id(const Image& image, const Place& at) {
    Guid id{};
    if (!context_.concerns(at.process) || image.build_id.size() < sizeof(id)) return;
    std::memcpy(&id, image.build_id.data(), sizeof(id));
    RecordBuilder(kImageId, kBuildIdType, 2, at.time, {at.process, at.process})
        .put(image.base)
        .put(at.process)
        .put(id)
        .put(uint32_t{0})
        .put_narrow(image.path)
        .send(context_.sink, at.cpu);
}

}  // namespace etw::kernel
