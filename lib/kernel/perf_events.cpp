#include "kernel/perf_events.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <ctime>

namespace etw::kernel {
namespace {

constexpr uint16_t kSample = 0x0F2E;
constexpr uint32_t kMapPages = 128;  // of one CPU's ring
constexpr uint32_t kSamplePages = 128;
constexpr uint64_t kSampleEveryNs = 1'000'000;
constexpr size_t kTrailer = 16;  // what sample_id_all adds: u32 process, u32 thread, u64 time

Status open_all(const perf_event_attr& attr, uint32_t cpus, uint32_t pages,
                std::vector<PerfRing>& out) {
    std::vector<PerfRing> rings;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
        ETW_TRY(PerfRing ring, PerfRing::open(attr, cpu, pages));
        rings.push_back(std::move(ring));
    }
    out = std::move(rings);
    return Ok{};
}

perf_event_attr attr_for_maps(bool data) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
    attr.sample_id_all = 1;
    attr.mmap = 1;
    attr.mmap2 = 1;
    attr.build_id = 1;
    attr.mmap_data = data ? 1 : 0;
    attr.comm = 1;
    attr.comm_exec = 1;
    attr.use_clockid = 1;
    attr.clockid = CLOCK_MONOTONIC_RAW;
    attr.watermark = 1;
    attr.wakeup_watermark = kMapPages * 4096 / 4;
    return attr;
}

perf_event_attr attr_for_samples() {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = kSampleEveryNs;
    attr.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
    attr.use_clockid = 1;
    attr.clockid = CLOCK_MONOTONIC_RAW;
    attr.watermark = 1;
    attr.wakeup_watermark = kSamplePages * 4096 / 4;
    return attr;
}

}  // namespace

Status PerfEvents::set_up(uint32_t cpus) {
    const bool maps = context_.has(kKernelImageLoad | kKernelDiskFileIo);
    const bool samples = context_.has(kKernelProfile);
    if (!maps) maps_.clear();
    if (!samples) samples_.clear();
    if (maps && maps_.empty()) {
        perf_event_attr attr = attr_for_maps(context_.has(kKernelDiskFileIo));
        if (!open_all(attr, cpus, kMapPages, maps_)) {
            attr.build_id = 0;  // since Linux 5.12
            ETW_CHECK(open_all(attr, cpus, kMapPages, maps_));
        }
    }
    if (samples && samples_.empty()) {
        ETW_CHECK(open_all(attr_for_samples(), cpus, kSamplePages, samples_));
    }
    return Ok{};
}

std::vector<int> PerfEvents::fds() const {
    std::vector<int> out;
    for (const auto* rings : {&maps_, &samples_}) {
        for (const PerfRing& ring : *rings) out.push_back(ring.fd().get());
    }
    return out;
}

void PerfEvents::read() {
    if (maps_.empty() && samples_.empty()) return;
    pending_.erase(pending_.begin(), pending_.begin() + ptrdiff_t(std::exchange(next_, 0)));
    clock_.sample();
    for (auto* rings : {&maps_, &samples_}) {
        for (uint32_t cpu = 0; cpu < rings->size(); ++cpu) take((*rings)[cpu], cpu);
    }
    std::stable_sort(pending_.begin(), pending_.end(),
                     [](const Pending& a, const Pending& b) { return a.time < b.time; });
}

void PerfEvents::take(PerfRing& ring, uint32_t cpu) {
    for (; const auto record = ring.front(); ring.pop()) {
        Pending out;
        uint64_t time = 0;
        Bytes body = record->body;
        if (record->type == PERF_RECORD_SAMPLE) {
            if (!parse_sample(body, out, time)) continue;
        } else {
            if (body.size() < kTrailer) continue;
            std::memcpy(&time, body.data() + body.size() - sizeof(time), sizeof(time));
            body = body.first(body.size() - kTrailer);
            if (record->type == PERF_RECORD_LOST) {
                ByteReader in(body);
                const auto id = in.read<uint64_t>("perf lost: id");
                const auto lost = in.read<uint64_t>("perf lost: count");
                if (id && lost) context_.sink.add_lost(*lost);
                continue;
            }
            if (record->type == PERF_RECORD_COMM) {
                if ((record->misc & PERF_RECORD_MISC_COMM_EXEC) == 0) continue;
                ByteReader in(body);
                const auto pid = in.read<uint32_t>("perf comm: pid");
                if (!pid) continue;
                out.kind = Pending::Kind::kExec;
                out.process = *pid;
            } else if (record->type != PERF_RECORD_MMAP2 || !parse_map(body, record->misc, out)) {
                continue;
            }
        }
        out.time = clock_.to_counter(time);
        out.cpu = cpu;
        pending_.push_back(std::move(out));
    }
}

bool PerfEvents::parse_sample(Bytes body, Pending& out, uint64_t& time) {
    struct Sample {
        uint64_t ip;
        uint32_t process;
        uint32_t thread;
        uint64_t time;
    };
    ByteReader in(body);
    const auto sample = in.read<Sample>("perf sample");
    if (!sample) return false;
    out.kind = Pending::Kind::kSample;
    out.address = sample->ip;
    out.process = sample->process;
    out.thread = sample->thread;
    time = sample->time;
    return true;
}

bool PerfEvents::parse_map(Bytes body, uint16_t misc, Pending& out) {
    struct Map {
        uint32_t process, thread;
        uint64_t address, length, offset;
        uint8_t place[24];  // device, inode and its generation; or the build id
        uint32_t protection, flags;
    };
    static_assert(sizeof(Map) == 64);
    ByteReader in(body);
    const auto map = in.read<Map>("perf mmap2");
    if (!map) return false;
    const Bytes rest = in.rest();
    const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
    out.image.path.assign(reinterpret_cast<const char*>(rest.data()), size_t(end - rest.begin()));
    if (!out.image.path.starts_with('/') && out.image.path != "[vdso]") return false;
    out.kind = Pending::Kind::kMap;
    out.process = map->process;
    out.to_run = (misc & PERF_RECORD_MISC_MMAP_DATA) == 0;
    out.image.base = map->address - map->offset;
    out.image.size = map->length + map->offset;
    if ((misc & PERF_RECORD_MISC_MMAP_BUILD_ID) != 0) {
        const size_t size = std::min<size_t>(map->place[0], 20);  // a size, 3 bytes, the id
        const auto* id = reinterpret_cast<const std::byte*>(map->place) + 4;
        out.image.build_id.assign(id, id + size);
    } else {
        uint32_t device[2];
        std::memcpy(device, map->place, sizeof(device));
        std::memcpy(&out.image.inode, map->place + 8, sizeof(out.image.inode));
        out.image.device = device_number(device[0], device[1]);
    }
    return true;
}

void PerfEvents::begin_at(int64_t time) {
    read();
    while (next_time() < time) ++next_;
}

void PerfEvents::hand_out(int64_t until) {
    for (; next_ < pending_.size() && pending_[next_].time <= until; ++next_) {
        Pending& p = pending_[next_];
        const ImageEvents::Place at{p.process, p.time, p.cpu};
        switch (p.kind) {
            case Pending::Kind::kMap:
                images_.on_map(std::move(p.image), p.to_run, at);
                break;
            case Pending::Kind::kExec:
                images_.on_drop(at);
                break;
            case Pending::Kind::kSample:
                RecordBuilder(kSample, 2, p.time)
                    .put(p.address)
                    .put(p.thread)
                    .put(uint16_t{1})  // samples that this record stands for
                    .put(uint8_t{0})
                    .put(uint8_t{0})
                    .send(context_.sink, p.cpu);
                break;
        }
    }
}

}  // namespace etw::kernel
