// What the writer writes the reader reads. The input says what events there are: of each 4 bytes,
// processor and whether to write out, payload size, time step, and what the log goes through.
#include "base/byte_writer.h"
#include "etl/log_writer.h"
#include "etw/log_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

using namespace etw;
using namespace etw::etl;

namespace {

constexpr uint32_t kBufferSize = 4096;
constexpr size_t kProcessors = 4;

void require(bool condition) {
    if (!condition) std::abort();
}

LogFileInfo log_info() {
    LogFileInfo info;
    info.buffer_size = kBufferSize;
    info.processors = kProcessors;
    info.perf_frequency = 10'000'000;
    info.logger_name = "round trip";
    return info;
}

class RoundTrip {
public:
    RoundTrip() : fd_(::memfd_create("round trip", MFD_CLOEXEC)) {
        log_.emplace(*LogWriter::create(file(), log_info(), 0));
    }

    void step(const uint8_t* choice) {
        const auto cpu = uint16_t(choice[0] % kProcessors);
        const size_t payload = choice[1] * 4u;
        time_ += choice[2];
        add_event(cpu, payload);
        if ((choice[0] & 0x80) != 0) flush();
        if (choice[3] % 16 == 1) require(bool(log_->finish(totals())));
        if (choice[3] % 16 == 2) resume(choice[3]);
        if (choice[3] % 16 == 3) append();
    }

    void check() {
        flush();
        require(bool(log_->finish(totals())));
        auto reader = LogReader::open("/proc/self/fd/" + std::to_string(fd_.get()));
        require(bool(reader));
        require(reader->finished() && reader->buffer_count() == log_->position().buffers_written);
        Record record;
        require(reader->next(record) && record.hook_id == 0);
        uint64_t count = 0, sum = 0;
        int64_t previous = 0;
        while (reader->next(record)) {
            ++count;
            sum += checksum(record.time_stamp, record.cpu, record.payload.size());
            require(record.time_stamp >= previous);
            previous = record.time_stamp;
        }
        require(count == count_ && sum == sum_);
        require(reader->damage().buffers == 0 && reader->damage().records == 0);
    }

private:
    static uint64_t checksum(int64_t time, uint16_t cpu, size_t payload) {
        return (uint64_t(time) * 31 + cpu) * 31 + payload;
    }
    File file() const { return File(UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0))); }
    LogTotals totals() const {
        return {.buffers_written = log_->position().buffers_written, .end_time = 1};
    }

    void add_event(uint16_t cpu, size_t payload) {
        wire::EventHeader header{};
        header.size = uint16_t(sizeof(header) + payload);
        header.header_type = uint8_t(wire::HeaderType::kEvent64);
        header.marker = wire::kMarkerEvent;
        header.time_stamp = time_;
        const size_t padded = wire::align8(size_t{header.size});
        if (filling_[cpu].size() + padded > kBufferSize - sizeof(wire::BufferHeader)) flush();
        filling_[cpu].write(header);
        filling_[cpu].append(std::vector<std::byte>(padded - sizeof(header)));
        ++count_;
        sum_ += checksum(time_, cpu, payload);
    }

    void flush() {
        std::vector<BufferData> buffers;
        for (size_t cpu = 0; cpu < kProcessors; ++cpu) {
            if (filling_[cpu].size() == 0) continue;
            buffers.push_back(
                {.cpu = uint16_t(cpu), .time_stamp = time_, .records = filling_[cpu].bytes()});
        }
        require(bool(log_->write(buffers)));
        for (auto& filling : filling_) filling = {};
    }

    // As after a kill in the middle of a write of `torn` bytes.
    void resume(uint8_t torn) {
        const LogPosition at = log_->position();
        const std::vector<std::byte> rest(torn * 64u, std::byte{torn});
        require(bool(log_->file().write_at(at.next_offset, rest)));
        log_.emplace(*LogWriter::resume(file(), log_info(), 0, at));
    }
    void append() {
        require(bool(log_->finish(totals())));
        const LogPosition at = log_->position();
        log_.emplace(*LogWriter::append(file(), log_info()));
        require(log_->position().next_offset == at.next_offset &&
                log_->position().sequence == at.sequence);
    }

    UniqueFd fd_;
    std::optional<LogWriter> log_;
    ByteWriter filling_[kProcessors];
    int64_t time_ = 0;
    uint64_t count_ = 0, sum_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    RoundTrip log;
    for (; size >= 4; data += 4, size -= 4) log.step(data);
    log.check();
    return 0;
}
