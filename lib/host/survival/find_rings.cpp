#include "host/survival/find_rings.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

namespace etw::host {
namespace {

namespace fs = std::filesystem;

constexpr char kRingLink[] = "/memfd:etw-ring (deleted)";

// As far as the kernel knows by itself.
std::optional<FileIdentity> known_identity_of(const UniqueFd& file) {
    struct statx known {};
    constexpr int kAsKnown = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (::statx(file.get(), "", kAsKnown, STATX_INO, &known) != 0) return std::nullopt;
    return FileIdentity{makedev(known.stx_dev_major, known.stx_dev_minor), known.stx_ino};
}

// That all memory files are on.
std::optional<uint64_t> device_of_memory() {
    const UniqueFd any(::memfd_create("etw", MFD_CLOEXEC));
    const auto identity = any ? known_identity_of(any) : std::nullopt;
    if (!identity) return std::nullopt;
    return identity->device;
}

// A link of a process, to what it names or by now to anything else: a file of any file system is
// not opened.
void take(const fs::path& link, uid_t holder, uint64_t memory,
          const std::function<void(FoundRings)>& found) {
    std::error_code unreadable;
    if (fs::read_symlink(link, unreadable) != kRingLink) return;
    const UniqueFd named(::open(link.c_str(), O_PATH | O_CLOEXEC));
    const auto identity = named ? known_identity_of(named) : std::nullopt;
    if (!identity || identity->device != memory) return;
    UniqueFd fd(::open(fmt::format("/proc/self/fd/{}", named.get()).c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) return;
    struct {
        wire::RingSetHeader header;
        wire::RingSetDescription description;
    } front{};
    static_assert(offsetof(decltype(front), description) == wire::kRingDescriptionOffset);
    if (::pread(fd.get(), &front, sizeof(front), 0) != ssize_t(sizeof(front)) ||
        front.header.magic != wire::RingSetHeader::kMagic ||
        front.header.version != wire::kRingVersion ||
        front.description.size != sizeof(front.description)) {
        return;
    }
    found({std::move(fd), *identity, front.description, holder});
}

}  // namespace

void find_rings(LookInto where, const std::function<void(FoundRings)>& found) {
    const auto memory = device_of_memory();
    if (!memory) return;
    std::error_code gone;
    for (fs::directory_iterator at("/proc", gone), end; !gone && at != end; at.increment(gone)) {
        const std::string name = at->path().filename();
        struct stat process {};
        if (name.find_first_not_of("0123456789") != std::string::npos ||
            ::stat(at->path().c_str(), &process) != 0) {
            continue;
        }
        for (const char* folder : {"fd", "map_files"}) {
            if (where == LookInto::kDescriptors && folder == std::string_view("map_files")) break;
            std::error_code unreadable;
            for (fs::directory_iterator link(at->path() / folder, unreadable);
                 !unreadable && link != end; link.increment(unreadable)) {
                take(link->path(), process.st_uid, *memory, found);
            }
        }
    }
}

}  // namespace etw::host
