#include "host/recording/checkpoint.h"

#include "base/file_call.h"
#include "base/testpoint.h"
#include "etw/bytes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>

namespace etw::host {
namespace {

constexpr size_t kMaxPath = 4096;

struct FileHeader {
    static constexpr uint64_t kMagic = 0x35544b4357544524;  // changes with the layout
    uint64_t magic;
    uint32_t cpus;
    std::atomic<uint32_t> active;  // 0 none yet, 1 the first copy, 2 the second
};

// One copy: this, then i64 last_time[cpus], StreamEntry[kMaxStreams],
// CpuProgress[kMaxStreams][cpus].
struct CopyHeader {
    FileIdentity file;
    LogBegin begin;
    etl::LogPosition position;
    DeliveryProgress delivery;
    uint64_t record_bytes;
    uint64_t written_off;
    uint64_t events_lost_before;
    uint64_t buffers_lost_before;
    int64_t last_buffer_time;
    uint32_t buffers_lost;
    uint32_t file_number;
    uint32_t stream_count;
    uint32_t path_size;
    char path[kMaxPath];
};
struct StreamEntry {
    FileIdentity rings;
    uint64_t uid;
};
static_assert(sizeof(FileHeader) == 16 && sizeof(CopyHeader) == 168 + kMaxPath &&
              sizeof(StreamEntry) == 24 && sizeof(CpuProgress) == 32);

size_t times_offset() { return sizeof(CopyHeader); }
size_t streams_offset(uint32_t cpus) { return times_offset() + cpus * sizeof(int64_t); }
size_t cpus_offset(uint32_t cpus) {
    return streams_offset(cpus) + Progress::kMaxStreams * sizeof(StreamEntry);
}
size_t copy_size(uint32_t cpus) {
    return cpus_offset(cpus) + Progress::kMaxStreams * cpus * sizeof(CpuProgress);
}
size_t file_size(uint32_t cpus) { return sizeof(FileHeader) + 2 * copy_size(cpus); }

FileHeader& header_of(std::byte* base) { return *reinterpret_cast<FileHeader*>(base); }

std::byte* copy_of(std::byte* base, uint32_t cpus, uint32_t number) {
    return base + sizeof(FileHeader) + (number - 1) * copy_size(cpus);
}

Error os_error(const char* what) { return {code_from_errno(errno), what, uint64_t(errno)}; }

void fill(std::byte* copy, uint32_t cpus, const Progress& p) {
    auto& head = *reinterpret_cast<CopyHeader*>(copy);
    head.file = p.file;
    head.begin = p.begin;
    head.position = p.position;
    head.delivery = p.delivery;
    head.record_bytes = p.record_bytes;
    head.written_off = p.written_off;
    head.events_lost_before = p.events_lost_before;
    head.buffers_lost_before = p.buffers_lost_before;
    head.last_buffer_time = p.last_buffer_time;
    head.buffers_lost = p.buffers_lost;
    head.file_number = p.file_number;
    head.stream_count = uint32_t(p.streams.size());
    head.path_size = uint32_t(std::min(p.path.size(), kMaxPath));
    std::memcpy(head.path, p.path.data(), head.path_size);
    std::memcpy(copy + times_offset(), p.last_time.data(), cpus * sizeof(int64_t));
    for (size_t i = 0; i < p.streams.size(); ++i) {
        const StreamEntry entry{p.streams[i].rings, p.streams[i].uid};
        std::memcpy(copy + streams_offset(cpus) + i * sizeof(entry), &entry, sizeof(entry));
        std::memcpy(copy + cpus_offset(cpus) + i * cpus * sizeof(CpuProgress),
                    p.streams[i].cpus.data(), cpus * sizeof(CpuProgress));
    }
}

}  // namespace

Result<FileIdentity> identity_of(int fd) {
    const FileCall call;
    struct stat st {};
    if (::fstat(fd, &st) != 0) return os_error("fstat");
    return FileIdentity{st.st_dev, st.st_ino};
}

Result<Checkpoint> Checkpoint::map(const std::string& path, uint32_t cpus, int flags) {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
    if (!fd) return os_error("checkpoint: open");
    const size_t size = file_size(cpus);
    if ((flags & O_CREAT) != 0) {
        // All of it now: a full disk must not become SIGBUS at a commit.
        if (const int error = ::posix_fallocate(fd.get(), 0, off_t(size)); error != 0) {
            return Error{code_from_errno(error), "checkpoint: allocate", uint64_t(error)};
        }
    }
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) return os_error("checkpoint: fstat");
    if (uint64_t(st.st_size) != size) {
        return Error{Code::kInvalidData, "checkpoint: size", uint64_t(st.st_size)};
    }
    ETW_TRY(Mapping memory, Mapping::of(fd, size, "checkpoint: map"));
    return Checkpoint(std::move(memory), cpus);
}

Result<Checkpoint> Checkpoint::create(const std::string& path, uint32_t cpus) {
    ETW_TRY(Checkpoint out, map(path, cpus, O_CREAT | O_TRUNC));
    header_of(out.memory_.get()).cpus = cpus;
    header_of(out.memory_.get()).magic = FileHeader::kMagic;
    return out;
}

Result<Checkpoint> Checkpoint::open(const std::string& path, uint32_t cpus) {
    ETW_TRY(Checkpoint out, map(path, cpus, 0));
    const FileHeader& header = header_of(out.memory_.get());
    if (header.magic != FileHeader::kMagic || header.cpus != cpus) {
        return Error{Code::kInvalidData, "checkpoint: header", 0};
    }
    return out;
}

void Checkpoint::commit(const Progress& progress) {
    ETW_ASSERT(progress.streams.size() <= Progress::kMaxStreams);
    ETW_ASSERT(progress.last_time.size() == cpus_);
    std::atomic<uint32_t>& active = header_of(memory_.get()).active;
    const uint32_t idle = active.load(std::memory_order_relaxed) == 1 ? 2 : 1;
    fill(copy_of(memory_.get(), cpus_, idle), cpus_, progress);
    ETW_TESTPOINT("checkpoint.filled");
    active.store(idle, std::memory_order_release);  // D3
    ETW_TESTPOINT("checkpoint.committed");
}

Result<Progress> Checkpoint::load() const {
    const uint32_t active = header_of(memory_.get()).active.load(std::memory_order_acquire);
    if (active != 1 && active != 2) return Error{Code::kInvalidData, "checkpoint: none yet", 0};
    const std::byte* copy = copy_of(memory_.get(), cpus_, active);
    const auto& head = *reinterpret_cast<const CopyHeader*>(copy);
    if (head.stream_count > Progress::kMaxStreams || head.path_size > kMaxPath ||
        head.begin > LogBegin::kAppend) {
        return Error{Code::kInvalidData, "checkpoint: counts", 0};
    }
    Progress p(cpus_);
    p.file = head.file;
    p.path.assign(head.path, head.path_size);
    p.file_number = head.file_number;
    p.begin = head.begin;
    p.position = head.position;
    p.delivery = head.delivery;
    p.record_bytes = head.record_bytes;
    p.written_off = head.written_off;
    p.events_lost_before = head.events_lost_before;
    p.buffers_lost_before = head.buffers_lost_before;
    p.buffers_lost = head.buffers_lost;
    p.last_buffer_time = head.last_buffer_time;
    std::memcpy(p.last_time.data(), copy + times_offset(), cpus_ * sizeof(int64_t));
    for (size_t i = 0; i < head.stream_count; ++i) {
        StreamEntry entry{};
        std::memcpy(&entry, copy + streams_offset(cpus_) + i * sizeof(entry), sizeof(entry));
        StreamProgress stream{entry.rings, uint32_t(entry.uid), std::vector<CpuProgress>(cpus_)};
        std::memcpy(stream.cpus.data(), copy + cpus_offset(cpus_) + i * cpus_ * sizeof(CpuProgress),
                    cpus_ * sizeof(CpuProgress));
        p.streams.push_back(std::move(stream));
    }
    return p;
}

}  // namespace etw::host
