#include "kernel/events/file_events.h"

#include "kernel/quiet_instants.h"

#include <asm/unistd.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace etw::kernel {
namespace {

using Kind = FileCall::Kind;

constexpr uint8_t kGroup = 0x04;
constexpr uint16_t kCreate = 0x0440;
constexpr uint16_t kCleanup = 0x0441;
constexpr uint16_t kClose = 0x0442;
constexpr uint16_t kRead = 0x0443;
constexpr uint16_t kWrite = 0x0444;
constexpr uint16_t kSetInfo = 0x0445;
constexpr uint16_t kDelete = 0x0446;
constexpr uint16_t kRename = 0x0447;
constexpr uint16_t kDirEnum = 0x0448;
constexpr uint16_t kFlush = 0x0449;
constexpr uint16_t kOperationEnd = 0x044C;
constexpr uint16_t kDeletePath = 0x044F;
constexpr uint16_t kRenamePath = 0x0450;
constexpr uint16_t kSetLinkPath = 0x0451;

constexpr uint32_t kShareAll = 7;              // FILE_SHARE_READ, _WRITE, _DELETE
constexpr uint32_t kFolder = 0x10;             // FILE_ATTRIBUTE_DIRECTORY
constexpr uint32_t kNormalFile = 0x80;         // FILE_ATTRIBUTE_NORMAL
constexpr uint32_t kSymlink = 0x400;           // FILE_ATTRIBUTE_REPARSE_POINT
constexpr uint32_t kDirectoryFile = 0x1;       // FILE_DIRECTORY_FILE
constexpr uint32_t kWriteThrough = 0x2;        // FILE_WRITE_THROUGH
constexpr uint32_t kNoBuffering = 0x8;         // FILE_NO_INTERMEDIATE_BUFFERING
constexpr uint32_t kOpenSymlink = 0x200000;    // FILE_OPEN_REPARSE_POINT
constexpr uint32_t kCreateNew = 2u << 24;      // FILE_CREATE
constexpr uint32_t kDirectoryInformation = 1;  // of FILE_INFORMATION_CLASS
constexpr uint32_t kBasicInformation = 4;
constexpr uint32_t kRenameInformation = 10;
constexpr uint32_t kLinkInformation = 11;
constexpr uint32_t kDispositionInformation = 13;
constexpr uint32_t kEndOfFileInformation = 20;
constexpr uint64_t kOpened = 1;  // what a create ends with: FILE_OPENED, FILE_CREATED
constexpr uint64_t kCreated = 2;

constexpr char kNames[] = "file-names";  // by which our programs are held
constexpr char kCalls[] = "file-calls";
constexpr char kCallsWithStacks[] = "file-calls-and-stacks";

constexpr size_t kMaxOpen = size_t{1} << 20;
constexpr uint32_t kFileOperations = kKernelFileIo | kKernelFileIoInit;

uint32_t create_options(uint64_t flags) {
    uint32_t disposition = 1;  // FILE_OPEN
    if ((flags & O_CREAT) != 0) {
        disposition = (flags & O_EXCL) != 0 ? 2 : (flags & O_TRUNC) != 0 ? 5 : 3;
    } else if ((flags & O_TRUNC) != 0) {
        disposition = 4;  // FILE_OVERWRITE
    }
    uint32_t out = disposition << 24;
    if ((flags & O_DIRECTORY) != 0) out |= kDirectoryFile;
    if ((flags & O_DSYNC) != 0) out |= kWriteThrough;
    if ((flags & O_DIRECT) != 0) out |= kNoBuffering;
    return out;
}

struct StatusOf {
    int error;
    uint32_t status;
};
constexpr StatusOf kStatuses[] = {
    {ENOENT, 0xC0000034},       {EACCES, 0xC0000022},  {EPERM, 0xC0000022},
    {EEXIST, 0xC0000035},       {ENOSPC, 0xC000007F},  {EBADF, 0xC0000008},
    {EISDIR, 0xC00000BA},       {ENOTDIR, 0xC0000103}, {EIO, 0xC0000185},
    {ENOTEMPTY, 0xC0000101},    {EINVAL, 0xC000000D},  {EMFILE, 0xC000011F},
    {EROFS, 0xC00000A2},        {EBUSY, 0xC0000043},   {EXDEV, 0xC00000D4},
    {ENAMETOOLONG, 0xC0000106}, {EFAULT, 0xC0000005},  {ENOMEM, 0xC0000017},
    {EOPNOTSUPP, 0xC00000BB},   {EINTR, 0xC0000120},
};
constexpr uint32_t kUnsuccessful = 0xC0000001;

// An errno as NTSTATUS; the number itself stands in the record too.
uint32_t status_of(int64_t result) {
    if (result >= 0) return 0;
    for (const StatusOf& known : kStatuses) {
        if (known.error == -result) return known.status;
    }
    return kUnsuccessful;
}

// "file\0folder\0" to "/folder/file", or ".../folder/file".
std::string path_from_parts(std::string_view parts, bool is_cut) {
    std::vector<std::string_view> names;
    while (!parts.empty()) {
        const size_t end = std::min(parts.find('\0'), parts.size());
        const std::string_view name = parts.substr(0, end);
        names.push_back(name);
        parts.remove_prefix(std::min(end + 1, parts.size()));
    }
    if (names.empty()) return "/";
    std::string out = is_cut ? "..." : "";
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        if (!name->starts_with('/')) out += '/';
        out += *name;
    }
    return out;
}

bool moves_in_file(uint32_t number, uint64_t offset) {
    // The calls that name an offset, but for -1, where the file is.
    for (const long positioned :
         {__NR_pread64, __NR_pwrite64, __NR_preadv, __NR_pwritev, __NR_preadv2, __NR_pwritev2}) {
        if (number == positioned) return offset == ~uint64_t{0};
    }
    return true;
}

uint64_t transferred(const CallRecord& record) {
    return record.result > 0 ? uint64_t(record.result) : 0;
}

// Where a transfer that moves in the file began. Devices stay where they are.
uint64_t before(const CallFile& file, uint64_t size) {
    return file.position >= size ? file.position - size : 0;
}

}  // namespace

Status FileEvents::set_up(uint32_t cpus, const Tracing& tracing, Holder& holder) {
    const bool operations = context_.has(kFileOperations);
    const bool stacks =
        operations && std::any_of(tracing.stack_events.begin(), tracing.stack_events.end(),
                                  [](uint16_t hook) { return hook >> 8 == kGroup; });
    if (!operations && !context_.has(kKernelDiskFileIo)) {
        if (probe_) holder.let_go(held_as_);
        probe_.reset();
        return Ok{};
    }
    const std::string as = !operations ? kNames : stacks ? kCallsWithStacks : kCalls;
    if (probe_ && held_as_ == as) return Ok{};
    auto probe = adopt_files(holder, as, cpus, counter_, stacks);
    const bool is_held = bool(probe);
    if (!probe) probe = watch_files(cpus, counter_, !operations, stacks);
    if (!probe && operations) return probe.error();
    if (probe_) holder.let_go(held_as_);
    held_as_ = as;
    if (!probe) {
        probe_.reset();
        return Ok{};
    }
    replace(std::move(*probe), cpus);
    if (!is_held) probe_->hold(holder, as);
    return Ok{};
}

// Both record for a while; on each processor one tells what ended before an instant, the other what
// did from there on.
void FileEvents::replace(BpfProbe probe, uint32_t cpus) {
    std::vector<int64_t> instants;
    if (probe_) {
        instants = quiet_instants(cpus, counter_);
        probe_->read([&](const ProbeRecord& record) {
            if (record.time < instants[record.cpu]) take_if_ours(record);
        });
        if (const uint64_t lost = probe_->take_lost(); lost != 0) context_.sink.add_lost(lost);
    }
    probe_ = std::move(probe);
    from_ = std::move(instants);
}

void FileEvents::take_if_ours(const ProbeRecord& record) {
    if (from_.empty() || record.time >= from_[record.cpu]) take(record);
}

int64_t FileEvents::read(int64_t now) {
    if (pending_.wants(now)) take_all(now);
    return std::min(now, pending_.complete_until());
}

void FileEvents::take_all(int64_t now) {
    pending_.complete(now);
    if (!probe_) return;
    probe_->read([this](const ProbeRecord& record) { take_if_ours(record); });
    if (const uint64_t lost = probe_->take_lost(); lost != 0) context_.sink.add_lost(lost);
    convert(now);
}

void FileEvents::take(const ProbeRecord& record) {
    ByteReader in(record.data);
    const auto kind = in.read<FileRecordKind>("file record");
    if (!kind) return;
    if (*kind == FileRecordKind::kName) take_name(record);
    if (*kind == FileRecordKind::kCall) take_call(record);
    if (*kind == FileRecordKind::kAsync) take_async(record);
}

void FileEvents::take_name(const ProbeRecord& record) {
    ByteReader in(record.data);
    const auto name = in.read<FileName>("file name");
    if (!name) return;
    const Bytes rest = in.rest();
    const Bytes parts = rest.first(std::min<size_t>(name->size, rest.size()));
    const std::string_view text(reinterpret_cast<const char*>(parts.data()), parts.size());
    arrivals_.push_back({record.time, Name{name->inode, name->device, record.cpu,
                                           path_from_parts(text, name->is_cut != 0)}});
}

void FileEvents::take_call(const ProbeRecord& record) {
    // Of ours, before a predecessor's program knew who we are.
    if (record.process == uint32_t(::getpid())) return;
    Call call;
    const Bytes data = record.data;
    if (data.size() < offsetof(CallRecord, folders)) return;
    std::memcpy(&call.record, data.data(), std::min(data.size(), sizeof(call.record)));
    set_times(call, record);
    call.thread = record.thread;
    if (!record.stack.empty()) {
        call.caller =
            std::make_shared<Caller>(Caller{{record.thread, record.process}, record.stack});
    }
    if (data.size() > sizeof(call.record)) {
        const Bytes text = data.subspan(sizeof(call.record));
        std::string_view rest(reinterpret_cast<const char*>(text.data()), text.size());
        for (std::string& path : call.paths) {
            const size_t end = std::min(rest.find('\0'), rest.size());
            path = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    arrivals_.push_back({call.end, std::move(call)});
}

// As a call of who has asked, wherever it was done.
void FileEvents::take_async(const ProbeRecord& record) {
    ByteReader in(record.data);
    const auto done = in.read<AsyncRecord>("file request");
    if (!done) return;
    Call call;
    call.record.kind = done->kind;
    call.record.duration_ns = done->duration_ns;
    call.record.result = done->result;
    call.record.first = done->file;
    call.writes = done->writes != 0;
    call.thread = done->thread;
    set_times(call, record);
    arrivals_.push_back({call.end, std::move(call)});
}

void FileEvents::set_times(Call& call, const ProbeRecord& record) const {
    call.end = record.time;
    const double ticks =
        double(call.record.duration_ns) * double(context_.counter_hz) / 1'000'000'000.0;
    call.begin = call.end - int64_t(std::min(ticks, double(call.end)));
    call.cpu = record.cpu;
}

// In the order of time, so that a file has the name that it had then: a number can come to name
// another file. Whatever processor a name was told on, it was so before the calls that rely on it.
void FileEvents::convert(int64_t now) {
    std::stable_sort(arrivals_.begin(), arrivals_.end(),
                     [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
    const auto later = std::find_if(arrivals_.begin(), arrivals_.end(),
                                    [now](const Arrival& arrival) { return arrival.time > now; });
    struct Told {
        uint64_t key;
        int64_t time;
        uint32_t cpu;
    };
    std::vector<Told> told;
    for (auto arrival = arrivals_.begin(); arrival != later; ++arrival) {
        if (const auto* name = std::get_if<Name>(&arrival->what)) {
            const uint64_t key = names_.key(name->device, name->inode);
            names_.learn(key, name->path);
            told.push_back({key, std::max(arrival->time, pending_.handed_out()), name->cpu});
        } else {
            auto& call = std::get<Call>(arrival->what);
            if (call.end < beginning_) continue;
            call.begin = std::max(call.begin, pending_.handed_out());
            call.end = std::max(call.end, call.begin);
            pending_.set_caller(call.caller);
            convert(call);
            pending_.set_caller(nullptr);
        }
    }
    arrivals_.erase(arrivals_.begin(), later);
    // Names that no record has been put behind.
    for (const Told& name : told) names_.tell(name.key, pending_, name.time, name.cpu);
    pending_.sort();
}

// --- calls -----------------------------------------------------------------------------------

FileEvents::File FileEvents::file_of(const CallFile& file, const Call& call, Make make) {
    if (file.file == 0) return {};
    const uint64_t key = names_.key(file.device, file.inode);
    names_.tell(key, pending_, call.begin, call.cpu);
    if (open_.size() >= kMaxOpen) open_.clear();
    File& known = open_[file.file];
    if (make == Make::kNew || known.key != key) known = {++last_object_, key};
    return known;
}

std::string FileEvents::path_of(const Call& call, size_t which) const {
    std::filesystem::path path = call.paths[which];
    if (!path.is_absolute()) {
        const CallFile& base = call.record.bases[which];
        const std::string* folder = names_.path(names_.find_key(base.device, base.inode));
        if (folder == nullptr) return path.string();
        path = std::filesystem::path(*folder) / path;
    }
    std::string out = path.lexically_normal().string();
    if (out.size() > 1 && out.ends_with('/')) out.pop_back();
    return out;
}

void FileEvents::send_end(const Call& call, uint64_t irp, uint64_t extra) {
    if (!context_.has(kKernelFileIo)) return;
    const int64_t result = call.record.result;
    RecordBuilder(kOperationEnd, 3, call.end)
        .put(irp)
        .put(result < 0 ? uint64_t(-result) : extra)
        .put(status_of(result))
        .send(pending_, call.cpu);
}

void FileEvents::convert(const Call& call) {
    if (call.record.kind == FileRecordKind::kAsync) {
        const CallFile& file = call.record.first;
        return on_transfer(call, call.writes ? kWrite : kRead, file, file.position);
    }
    const FileCall* known = find_file_call(call.record.number);
    if (known == nullptr) return;
    switch (known->kind) {
        case Kind::kOpen:
            return on_open(call);
        case Kind::kClose:
            return on_close(call);
        case Kind::kRead:
        case Kind::kWrite:
            return on_read_or_write(call, known->kind == Kind::kRead);
        case Kind::kCopy:
            return on_copy(call);
        case Kind::kFlush:
        case Kind::kListFolder:
            return on_simple(call, known->kind);
        case Kind::kDelete:
            return on_delete(call);
        case Kind::kRename:
            return on_rename(call);
        case Kind::kMakeFolder:
            return on_make(call, kDirectoryFile, kFolder);
        case Kind::kMakeNode:
            return on_make(call, 0, kNormalFile);
        case Kind::kMakeSymlink:
            return on_make(call, kOpenSymlink, kSymlink);
        case Kind::kLink:
            return on_link(call);
        case Kind::kSetSize:
            return on_set_info(call, kEndOfFileInformation, argument_of(call.record, 1));
        case Kind::kSetMode: {
            const bool at_folder = (call.record.flags & FileCall::kPathAt) != 0;
            return on_set_info(call, kBasicInformation,
                               argument_of(call.record, at_folder ? 2 : 1));
        }
        case Kind::kSetTimes:
            return on_set_info(call, kBasicInformation, 0);
        case Kind::kNone:
            return;
    }
}

void FileEvents::on_open(const Call& call) {
    const CallRecord& record = call.record;
    uint64_t flags = argument_of(record, (record.flags & FileCall::kPathAt) != 0 ? 2 : 1);
#ifdef __NR_creat
    if (record.number == __NR_creat) flags = O_CREAT | O_WRONLY | O_TRUNC;
#endif
    const File file = file_of(record.first, call, Make::kNew);
    const uint64_t irp = ++last_irp_;
    const std::string* name = file.object != 0 ? names_.path(file.key) : nullptr;
    send_create(call, irp, file.object, create_options(flags), kNormalFile,
                name != nullptr ? *name : path_of(call, 0));
    const bool is_new = (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0;
    send_end(call, irp, is_new ? kCreated : kOpened);
}

// What is made is not opened.
void FileEvents::on_make(const Call& call, uint32_t options, uint32_t attributes) {
    const uint64_t irp = ++last_irp_;
    send_create(call, irp, 0, kCreateNew | options, attributes, path_of(call, 0));
    send_end(call, irp, kCreated);
}

void FileEvents::send_create(const Call& call, uint64_t irp, uint64_t object, uint32_t options,
                             uint32_t attributes, const std::string& path) {
    if (!context_.has(kKernelFileIoInit)) return;
    begin(kCreate, call)
        .put(irp)
        .put(object)
        .put(call.thread)
        .put(options)
        .put(attributes)
        .put(kShareAll)
        .put_path(path, context_.longest_record)
        .send(pending_, call.cpu);
}

// One descriptor less: the last that a program has of the file, but for copies.
void FileEvents::on_close(const Call& call) {
    const File file = file_of(call.record.first, call, Make::kFind);
    for (const uint16_t hook : {kCleanup, kClose}) {
        const uint64_t irp = ++last_irp_;
        if (context_.has(kKernelFileIoInit)) {
            begin(hook, call)
                .put(irp)
                .put(file.object)
                .put(file.key)
                .put(call.thread)
                .send(pending_, call.cpu);
        }
        send_end(call, irp, 0);
    }
}

void FileEvents::on_transfer(const Call& call, uint16_t hook, const CallFile& in, uint64_t offset) {
    const File file = file_of(in, call, Make::kFind);
    const uint64_t irp = ++last_irp_;
    const uint64_t size = transferred(call.record);
    if (context_.has(kKernelFileIoInit)) {
        begin(hook, call)
            .put(offset)
            .put(irp)
            .put(file.object)
            .put(file.key)
            .put(call.thread)
            .put(uint32_t(std::min<uint64_t>(size, ~uint32_t{0})))
            .put(uint32_t{0})
            .put(uint32_t{0})
            .send(pending_, call.cpu);
    }
    send_end(call, irp, size);
}

void FileEvents::on_read_or_write(const Call& call, bool reads) {
    const uint64_t offset = argument_of(call.record, 3);
    const uint64_t moved = before(call.record.first, transferred(call.record));
    on_transfer(call, reads ? kRead : kWrite, call.record.first,
                moves_in_file(call.record.number, offset) ? moved : offset);
}

// The kernel reads and writes for the program.
void FileEvents::on_copy(const Call& call) {
    const CallRecord& record = call.record;
    const bool second_is_source = (record.flags & FileCall::kSecondFileAt1) != 0;
    const CallFile& source = second_is_source ? record.second : record.first;
    const CallFile& target = second_is_source ? record.first : record.second;
    const uint64_t size = transferred(record);
    const auto offset = [&](const CallFile& file, size_t number) {
        const bool named = (record.offsets >> number & 1) != 0;
        return named ? argument_of(record, number) : before(file, size);
    };
    if (source.file != 0)
        on_transfer(call, kRead, source, offset(source, second_is_source ? 2 : 1));
    if (target.file != 0) on_transfer(call, kWrite, target, offset(target, 3));
}

void FileEvents::on_simple(const Call& call, Kind kind) {
    const File file = file_of(call.record.first, call, Make::kFind);
    const uint64_t irp = ++last_irp_;
    if (!context_.has(kKernelFileIoInit)) return send_end(call, irp, 0);
    LongRecordBuilder out = begin(kind == Kind::kFlush ? kFlush : kDirEnum, call);
    out.put(irp).put(file.object).put(file.key).put(call.thread);
    if (kind == Kind::kListFolder) {
        out.put(uint32_t(argument_of(call.record, 2)))
            .put(kDirectoryInformation)
            .put(uint32_t{0})
            .put_text("");
    }
    out.send(pending_, call.cpu);
    send_end(call, irp, kind == Kind::kListFolder ? transferred(call.record) : 0);
}

// Of a descriptor, which may stand in the place of a folder with no path behind it, or of a path.
void FileEvents::on_set_info(const Call& call, uint32_t information, uint64_t extra) {
    const CallRecord& record = call.record;
    const bool has_path = (record.flags & (FileCall::kPath | FileCall::kPathAt)) != 0;
    File file;
    if (!has_path) {
        file = file_of(record.first, call, Make::kFind);
    } else if (!call.paths[0].empty()) {
        file.key = names_.key_of_path(path_of(call, 0));
        names_.tell(file.key, pending_, call.begin, call.cpu);
    } else if (record.bases[0].file != 0) {
        file = file_of(record.bases[0], call, Make::kFind);
    } else {
        return;  // of a pipe or a socket, or of nothing
    }
    const uint64_t irp = ++last_irp_;
    if (context_.has(kKernelFileIoInit)) {
        begin(kSetInfo, call)
            .put(irp)
            .put(file.object)
            .put(file.key)
            .put(extra)
            .put(call.thread)
            .put(information)
            .send(pending_, call.cpu);
    }
    send_end(call, irp, 0);
}

void FileEvents::on_path(const Call& call, uint16_t hook, uint16_t path_hook, uint32_t information,
                         uint64_t key, const std::string& path) {
    const uint64_t irp = ++last_irp_;
    names_.tell(key, pending_, call.begin, call.cpu);
    if (context_.has(kKernelFileIoInit)) {
        for (const uint16_t each : {hook, path_hook}) {
            LongRecordBuilder out = begin(each, call);
            // No file is open for it.
            out.put(irp)
                .put(uint64_t{0})
                .put(key)
                .put(uint64_t{0})
                .put(call.thread)
                .put(information);
            if (each == path_hook) out.put_path(path, context_.longest_record);
            out.send(pending_, call.cpu);
        }
    }
    send_end(call, irp, 0);
}

void FileEvents::on_delete(const Call& call) {
    const std::string path = path_of(call, 0);
    on_path(call, kDelete, kDeletePath, kDispositionInformation, names_.key_of_path(path), path);
    if (call.record.result == 0) names_.unlink(path);
}

void FileEvents::on_rename(const Call& call) {
    const std::string from = path_of(call, 0);
    const std::string to = path_of(call, 1);
    on_path(call, kRename, kRenamePath, kRenameInformation, names_.key_of_path(from), to);
    if (call.record.result == 0) names_.rename(from, to);
}

void FileEvents::on_link(const Call& call) {
    on_path(call, kSetInfo, kSetLinkPath, kLinkInformation, names_.key_of_path(path_of(call, 0)),
            path_of(call, 1));
}

}  // namespace etw::kernel
