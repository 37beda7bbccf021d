// What the ring tests share: a ring set with a writer's view of it in the same process, records
// that say what must be in them, and a reader that checks every byte.
#pragma once
#include "base/byte_writer.h"
#include "ring/ring_set.h"
#include "ring/writer.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <vector>

namespace etw::ring {

// Such an event header that quick sections can write it, and then bytes made from writer and
// sequence.
struct TestRecord {
    uint16_t size;
    uint16_t type_and_marker;
    uint32_t flags;
    uint32_t writer;
    uint32_t sequence;
    int64_t time_stamp;
    uint64_t check;

    static constexpr uint16_t kTypeAndMarker = ETW_EVENT_TYPE_AND_MARKER >> 16;
    TestRecord() = default;
    TestRecord(size_t record_size, uint32_t by, uint64_t number)
        : size(uint16_t(record_size)),
          type_and_marker(kTypeAndMarker),
          flags(0),
          writer(by),
          sequence(uint32_t(number)),
          time_stamp(0),
          check(~uint64_t{sequence}) {}
    bool valid() const {
        return size >= sizeof(*this) && type_and_marker == kTypeAndMarker &&
               check == ~uint64_t{sequence};
    }
};
static_assert(offsetof(TestRecord, time_stamp) == ETW_EVENT_TIME_STAMP &&
              offsetof(TestRecord, writer) == ETW_EVENT_IDENTITY);

inline uint8_t fill_byte(uint32_t writer, uint64_t sequence, size_t at) {
    if (at >= ETW_EVENT_TIMES && at < ETW_EVENT_ACTIVITY) return 0;  // as the sections write it
    return uint8_t(sequence * 7 + writer * 13 + at);
}

inline std::vector<std::byte> make_record(uint32_t writer, uint64_t sequence, uint32_t size) {
    std::vector<std::byte> bytes(size);
    const TestRecord record(size, writer, sequence);
    std::memcpy(bytes.data(), &record, sizeof(record));
    for (size_t at = sizeof(record); at < size; ++at) {
        bytes[at] = std::byte(fill_byte(writer, sequence, at));
    }
    return bytes;
}

// A process's own mapping of a ring set, as the provider library makes one on Attach.
class Attached {
public:
    explicit Attached(const RingSet& set) : size_(set.geometry().set_size()) {
        base_ = static_cast<std::byte*>(
            ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, set.fd().get(), 0));
        ETW_ASSERT(base_ != MAP_FAILED);
        map_.describe(base_, set.geometry());
        map_.generation = 1;
    }
    ~Attached() { ::munmap(base_, size_); }
    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;

    WriterMap& map() { return map_; }
    std::byte* base() { return base_; }
    wire::RingControl& control(const RingSet& set, uint32_t cpu) {
        return *reinterpret_cast<wire::RingControl*>(base_ + set.geometry().ring_offset(cpu));
    }

    Outcome write(const std::vector<std::byte>& bytes, uint64_t generation = 1) {
        Record record{&map_,
                      generation,
                      bytes.data(),
                      nullptr,
                      uint32_t(bytes.size()),
                      0,
                      uint32_t(bytes.size()),
                      offsetof(TestRecord, time_stamp)};
        return write_record(record);
    }

private:
    WriterMap map_;
    std::byte* base_;
    size_t size_;
};

// Keeps the calling thread on one CPU for its life.
class OnCpu {
public:
    explicit OnCpu(uint32_t cpu) {
        ::sched_getaffinity(0, sizeof(before_), &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ETW_ASSERT(::sched_setaffinity(0, sizeof(one), &one) == 0);
    }
    ~OnCpu() { ::sched_setaffinity(0, sizeof(before_), &before_); }

private:
    cpu_set_t before_;
};

inline uint32_t cpu_count() { return uint32_t(::sysconf(_SC_NPROCESSORS_CONF)); }

// Reads whole rings and checks each record byte by byte.
class CheckingReader {
public:
    explicit CheckingReader(RingSet& set)
        : set_(set),
          tails_(set.geometry().cpus, wire::ring_position(0, wire::kRingFirstOffset)),
          last_time_(set.geometry().cpus, 0) {}

    // One pass over all CPUs; true if anything was there.
    bool pass() {
        bool any = false;
        for (uint32_t cpu = 0; cpu < tails_.size(); ++cpu) {
            Run run;
            bool damaged = false;
            while (set_.next(cpu, tails_[cpu], run, &damaged)) {
                damages += damaged;
                if (!damaged) check(cpu, run.records);
                tails_[cpu] = run.end;
                set_.release(cpu, run.end);
                any = true;
            }
        }
        return any;
    }

    uint64_t lost() const {
        uint64_t sum = 0;
        for (uint32_t cpu = 0; cpu < tails_.size(); ++cpu) sum += set_.lost(cpu);
        return sum;
    }

    uint64_t records = 0, torn = 0, disorder = 0, damages = 0;
    std::map<uint32_t, uint64_t> records_of;  // by writer

private:
    void check(uint32_t cpu, Bytes bytes) {
        while (!bytes.empty()) {
            TestRecord record;
            if (bytes.size() < sizeof(record)) return void(++torn);
            std::memcpy(&record, bytes.data(), sizeof(record));
            if (!record.valid() || record.size > bytes.size()) return void(++torn);
            for (size_t at = sizeof(record); at < record.size; ++at) {
                if (uint8_t(bytes[at]) != fill_byte(record.writer, record.sequence, at)) {
                    ++torn;
                    break;
                }
            }
            disorder += record.time_stamp < last_time_[cpu];
            last_time_[cpu] = record.time_stamp;
            ++records;
            ++records_of[record.writer];
            bytes = bytes.subspan(record.size);
        }
    }

    RingSet& set_;
    std::vector<wire::RingPosition> tails_;
    std::vector<int64_t> last_time_;
};

}  // namespace etw::ring
