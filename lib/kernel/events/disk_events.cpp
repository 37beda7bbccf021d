#include "kernel/events/disk_events.h"

namespace etw::kernel {
namespace {

constexpr uint16_t kRead = 0x010A;
constexpr uint16_t kWrite = 0x010B;
constexpr uint16_t kReadInit = 0x010C;
constexpr uint16_t kWriteInit = 0x010D;
constexpr uint16_t kFlush = 0x010E;
constexpr uint16_t kFlushInit = 0x010F;
constexpr uint64_t kSectorSize = 512;  // of the block layer, whatever the disk's is
// Requests whose completions were lost must not stay for ever.
constexpr size_t kMaxOpen = 65536;

constexpr uint32_t kIrpSynchronous = 0x0004;  // IRP_SYNCHRONOUS_API
constexpr uint32_t kIrpRead = 0x0100;         // IRP_READ_OPERATION
constexpr uint32_t kIrpWrite = 0x0200;        // IRP_WRITE_OPERATION

uint32_t irp_flags(DiskEvents::Kind kind, std::string_view letters) {
    uint32_t out = letters.find('S') != std::string_view::npos ? kIrpSynchronous : 0;
    if (kind == DiskEvents::Kind::kRead) out |= kIrpRead;
    if (kind == DiskEvents::Kind::kWrite) out |= kIrpWrite;
    return out;
}

}  // namespace

DiskEvents::Kind DiskEvents::kind_of(std::string_view letters) {
    // A flush before the operation stands before its letter.
    if (letters.size() > 1 && letters[0] == 'F' &&
        std::string_view("RWDF").find(letters[1]) != std::string_view::npos) {
        letters.remove_prefix(1);
    }
    switch (letters.empty() ? '\0' : letters[0]) {
        case 'R':
            return Kind::kRead;
        case 'W':
            return Kind::kWrite;
        case 'F':
            return Kind::kFlush;
        default:
            return Kind::kOther;  // discards and what drivers send: the class has no event for them
    }
}

bool DiskEvents::bind(Dispatch& dispatch) {
    if (!context_.has(kKernelDiskIo | kKernelDiskIoInit)) return true;
    const auto fields = [](const Format& f) {
        return Fields{f.field("dev"), f.field("sector"), f.field("nr_sector"), f.field("rwbs")};
    };
    bool all = dispatch.on("block", "block_rq_insert", [&](const Format& f) -> Dispatch::Handler {
        return [this, fields = fields(f)](const RawEvent& e) { on_insert(e, fields); };
    });
    all &= dispatch.on("block", "block_rq_issue", [&](const Format& f) -> Dispatch::Handler {
        return [this, fields = fields(f)](const RawEvent& e) { on_issue(e, fields); };
    });
    all &= dispatch.on("block", "block_rq_requeue", [&](const Format& f) -> Dispatch::Handler {
        return [this, fields = fields(f)](const RawEvent& e) { on_requeue(e, fields); };
    });
    if (context_.has(kKernelDiskIo)) {
        all &= dispatch.on("block", "block_rq_complete", [&](const Format& f) -> Dispatch::Handler {
            return [this, fields = fields(f)](const RawEvent& e) { on_complete(e, fields); };
        });
    }
    return all;
}

DiskEvents::Key DiskEvents::key_of(const RawEvent& event, const Fields& fields, Kind kind) {
    // A flush has no sector, which issue and completion spell differently; a disk does one at a
    // time.
    const uint64_t sector = kind == Kind::kFlush ? 0 : event.number(fields.sector);
    return {uint32_t(event.number(fields.device)), kind, sector};
}

void DiskEvents::on_insert(const RawEvent& event, const Fields& fields) {
    const Kind kind = kind_of(event.text(fields.letters));
    if (kind == Kind::kOther) return;
    if (inserted_.size() >= kMaxOpen) inserted_.clear();
    inserted_[key_of(event, fields, kind)] = event.thread();
}

void DiskEvents::on_issue(const RawEvent& event, const Fields& fields) {
    const Kind kind = kind_of(event.text(fields.letters));
    if (kind == Kind::kOther) return;
    const Key key = key_of(event, fields, kind);
    if (open_.size() >= kMaxOpen) open_.clear();
    if (auto again = requeued_.extract(key); !again.empty()) {
        open_[key] = again.mapped();
        return;
    }
    Request request{event.time, ++last_irp_, event.thread()};
    if (auto found = inserted_.extract(key); !found.empty()) request.thread = found.mapped();
    open_[key] = request;
    if (!context_.has(kKernelDiskIoInit)) return;
    const uint16_t hook = kind == Kind::kRead    ? kReadInit
                          : kind == Kind::kWrite ? kWriteInit
                                                 : kFlushInit;
    RecordBuilder(hook, 3, event.time, context_.ids(request.thread))
        .put(request.irp)
        .put(request.thread)
        .send(context_.sink, event.cpu);
}

void DiskEvents::on_requeue(const RawEvent& event, const Fields& fields) {
    const Kind kind = kind_of(event.text(fields.letters));
    if (kind == Kind::kOther) return;
    if (requeued_.size() >= kMaxOpen) requeued_.clear();
    const Key key = key_of(event, fields, kind);
    if (auto found = open_.extract(key); !found.empty()) requeued_[key] = found.mapped();
}

void DiskEvents::on_complete(const RawEvent& event, const Fields& fields) {
    const std::string_view letters = event.text(fields.letters);
    const Kind kind = kind_of(letters);
    if (kind == Kind::kOther) return;
    // The number of a disk is its device number, major << 20 | minor: it stays from trace to trace.
    const uint64_t device = event.number(fields.device);
    const uint64_t sector = event.number(fields.sector);
    const uint64_t sectors = event.number(fields.sectors);
    // The end of a request whose data were flushed or written before it.
    if (kind != Kind::kFlush && sectors == 0) return;
    Request request{event.time, 0, 0};
    if (auto found = open_.extract(key_of(event, fields, kind)); !found.empty()) {
        request = found.mapped();
    }
    const auto response = uint64_t(event.time - request.issued);
    const uint32_t flags = irp_flags(kind, letters);
    if (kind == Kind::kFlush) {
        RecordBuilder(kFlush, 3, event.time)
            .put(uint32_t(device))
            .put(flags)
            .put(response)
            .put(request.irp)
            .put(request.thread)
            .send(context_.sink, event.cpu);
        return;
    }
    RecordBuilder(kind == Kind::kRead ? kRead : kWrite, 3, event.time)
        .put(uint32_t(device))
        .put(flags)
        .put(uint32_t(sectors * kSectorSize))
        .put(uint32_t{0})
        .put(sector * kSectorSize)
        .put(uint64_t{0})  // no file: the block layer knows none
        .put(request.irp)
        .put(response)
        .put(request.thread)
        .send(context_.sink, event.cpu);
}

}  // namespace etw::kernel
