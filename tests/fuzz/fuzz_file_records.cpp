// What the programs in the kernel put out of system calls on files, with any bytes in it.
#include "kernel/events/file_events.h"

#include <cstdlib>

namespace etw::kernel {
namespace {

class Checker final : public RecordSink {
public:
    bool has_room(uint32_t) override { return true; }
    void append(uint32_t, Bytes record, uint32_t time_offset, int64_t time) override {
        if (record.size() > RecordBuilder::kMaxSize || time < last_) std::abort();
        int64_t written = 0;
        std::memcpy(&written, record.data() + time_offset, sizeof(written));
        if (written != time) std::abort();
        last_ = time;
    }
    std::optional<int64_t> waiting_since() override { return std::nullopt; }
    void add_lost(uint64_t) override {}

private:
    int64_t last_ = 0;
};

int64_t no_time() noexcept { return 0; }

}  // namespace
}  // namespace etw::kernel

// Records, each behind a byte for its size in units of 4.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw::kernel;
    Checker sink;
    Tasks tasks;
    Context context{sink, tasks, 1'000'000,
                    etw::kKernelFileIo | etw::kKernelFileIoInit | etw::kKernelDiskFileIo};
    FileNames names(context.longest_record);
    TracedSink traced(sink, tasks);
    FileEvents files(context, names, {&no_time, 1'000'000, true});
    etw::ByteReader in(std::as_bytes(std::span(data, size)));
    for (int64_t time = 1; const auto units = in.read<uint8_t>("size"); time += 10) {
        const auto record = in.take(size_t{*units} * 4, "record");
        if (!record) break;
        files.take({time, 0, 1, 2, *record, {}});
        if (time % 3 == 0) {
            files.convert(time);
            files.pending().hand_out(traced, time);
        }
    }
    files.convert(PendingRecords::kNever);
    files.pending().hand_out(traced, PendingRecords::kNever);
    names.rundown(sink, PendingRecords::kNever);
    return 0;
}
