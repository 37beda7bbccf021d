#include "kernel/perf/perf_events.h"

#include "kernel/programs/socket_lengths.h"
#include "kernel/programs/unmap_watch.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace etw::kernel {
namespace {

constexpr uint16_t kSample = 0x0F2E;
constexpr uint16_t kCounterSample = 0x0F2F;
constexpr uint16_t kImageLoad = 0x030A;
constexpr size_t kTrailer = 16;  // what sample_id_all adds: u32 process, u32 thread, u64 time

// Of the rings of tracepoints. One record with a stack takes some 500 bytes.
constexpr uint64_t kAllPages = 64 * 1024;
constexpr uint64_t kMinPages = 64;
constexpr uint64_t kMaxPages = 8192;
constexpr uint32_t kMaxStandInPages = 512;  // of one whose events have no stacks: 64 bytes each
// Records that wait for room in the session's buffers; beyond that the rings have to keep them.
constexpr size_t kMaxPending = 64 * 1024;
constexpr size_t kMaxMapping = 64 * 1024;

constexpr char kMaps[] = "maps";  // as which rings are held
constexpr char kUnmaps[] = "unmaps";
constexpr char kSamples[] = "samples";

// Of each ring.
uint32_t pages_for(uint32_t cpus, size_t points) {
    const uint64_t share = kAllPages / (uint64_t{cpus} * points);
    return uint32_t(std::bit_floor(std::clamp(share, kMinPages, kMaxPages)));
}

std::string held_as(const Tracepoint& point) { return "tracepoint-" + point.name; }

// What its events come with: those that programs stand in for come from here without, too.
PerfForm form_at(const Tracepoint& point, const Tracing& tracing) {
    return PerfEvents::takes(point.name, tracing) ? form_of(tracing) : PerfForm{0, false, true};
}

bool contains(const std::vector<uint16_t>& hooks, uint16_t hook) {
    return std::find(hooks.begin(), hooks.end(), hook) != hooks.end();
}

}  // namespace

bool PerfEvents::takes(const std::string& tracepoint, const Tracing& tracing) {
    const auto one = [&](uint16_t hook) { return feeds(tracepoint, hook); };
    return std::any_of(tracing.stack_events.begin(), tracing.stack_events.end(), one) ||
           std::any_of(tracing.counter_events.begin(), tracing.counter_events.end(), one);
}

// The record of a mapping has no stack; that of the call, which comes before it, has.
Status PerfEvents::bind(Dispatch& dispatch, const Tracing& tracing) {
    mapping_.clear();
    if (!context_.has(kKernelImageLoad) || !contains(tracing.stack_events, kImageLoad)) return Ok{};
    for (const char* call : {"sys_enter_mmap", "sys_enter_mprotect"}) {
        const auto keep = [this](const Format&) -> Dispatch::Handler {
            return [this](const RawEvent& e) {
                if (mapping_.size() >= kMaxMapping) mapping_.clear();  // their mappings were lost
                const auto stack = sink_.with().stack;
                mapping_[e.thread()].assign(stack.begin(), stack.end());
            };
        };
        const std::string to_run = "prot & 4";  // PROT_EXEC
        if (!dispatch.on("syscalls", call, keep, to_run))
            return Error{Code::kNotSupported, "this kernel does not tell system calls", 0};
    }
    return Ok{};
}

Status PerfEvents::set_up(uint32_t cpus, const Tracing& tracing, const Dispatch& dispatch,
                          Holder& holder) {
    ETW_CHECK(set_up_maps(cpus, holder));
    set_up_unmaps(cpus, holder);
    ETW_CHECK(set_up_samples(cpus, tracing, holder));
    if (tracing.counters != tracing_.counters) {  // these come with each event
        for (const Point& point : points_) holder.let_go(held_as(point.tracepoint));
        points_.clear();
    }
    ETW_CHECK(open_points(cpus, tracing, dispatch, holder));
    tracing_ = tracing;
    sink_.set(tracing);
    return Ok{};
}

Status PerfEvents::set_up_maps(uint32_t cpus, Holder& holder) {
    if (!context_.has(kKernelImageLoad | kKernelDiskFileIo)) {
        if (!maps_.empty()) holder.let_go(kMaps);
        maps_.clear();
    } else if (maps_.empty()) {
        HeldParts left = holder.take_left(kMaps);
        if (auto adopted = adopt_rings(left, cpus)) {
            maps_ = std::move(*adopted);
            return Ok{};
        }
        ETW_TRY(maps_, open_maps(cpus, context_.has(kKernelDiskFileIo)));
        hold_rings(holder, kMaps, maps_);
    }
    return Ok{};
}

// Without them an image is known to have gone when something else is mapped in its place.
void PerfEvents::set_up_unmaps(uint32_t cpus, Holder& holder) {
    if (!context_.has(kKernelImageLoad)) {
        if (!unmaps_.rings.empty()) holder.let_go(kUnmaps);
        unmaps_ = {};
    } else if (unmaps_.rings.empty()) {
        if (auto adopted = PerfLane::adopt(holder, kUnmaps, cpus, kUnmappingForm)) {
            unmaps_ = std::move(*adopted);
        } else if (auto opened = open_unmappings(cpus)) {
            unmaps_ = std::move(*opened);
            unmaps_.hold(holder, kUnmaps);
        }
    }
}

Status PerfEvents::set_up_samples(uint32_t cpus, const Tracing& tracing, Holder& holder) {
    const bool wanted = context_.has(kKernelProfile);
    if (!samples_.rings.empty() && (!wanted || tracing != tracing_)) {
        holder.let_go(kSamples);
        samples_ = {};
    }
    if (!wanted || !samples_.rings.empty()) return Ok{};
    const uint16_t hook = tracing.by_timer ? kSample : kCounterSample;
    const PerfForm form{
        contains(tracing.counter_events, hook) ? uint32_t(tracing.counters.size()) : 0,
        contains(tracing.stack_events, hook), false};
    if (auto adopted = PerfLane::adopt(holder, kSamples, cpus, form)) {
        samples_ = std::move(*adopted);
        return Ok{};
    }
    ETW_TRY(samples_, open_samples(cpus, tracing, form));
    samples_.hold(holder, kSamples);
    return Ok{};
}

Result<PerfLane> PerfEvents::open_point(uint32_t cpus, const Tracepoint& point, uint16_t id,
                                        const Tracing& tracing, uint32_t pages) {
    if (!is_stand_in(id)) return open_tracepoint(cpus, id, point.filter, tracing, pages);
    const PerfForm form = form_at(point, tracing);
    return open_stand_in(cpus, id, form, tracing,
                         form.stack ? pages : std::min(pages, kMaxStandInPages));
}

// What is open already stays open: its events go on without a gap.
Status PerfEvents::open_points(uint32_t cpus, const Tracing& tracing, const Dispatch& dispatch,
                               Holder& holder) {
    std::vector<Tracepoint> wanted;
    for (const Tracepoint& point : dispatch.wanted()) {
        if (takes(point.name, tracing) || is_stand_in(dispatch.id_of(point.name)))
            wanted.push_back(point);
    }
    std::erase_if(points_, [&](const Point& point) {
        if (std::find(wanted.begin(), wanted.end(), point.tracepoint) != wanted.end() &&
            point.lane.form.stack == takes(point.tracepoint.name, tracing)) {
            return false;
        }
        holder.let_go(held_as(point.tracepoint));
        return true;
    });
    if (wanted.empty()) return Ok{};
    const uint32_t pages = pages_for(cpus, wanted.size());
    for (const Tracepoint& point : wanted) {
        if (has(point)) continue;
        const auto prepared = std::find_if(prepared_.begin(), prepared_.end(),
                                           [&](const Point& p) { return p.tracepoint == point; });
        if (prepared != prepared_.end()) {
            points_.push_back(std::move(*prepared));
            prepared_.erase(prepared);
        } else if (auto adopted =
                       PerfLane::adopt(holder, held_as(point), cpus, form_at(point, tracing))) {
            points_.push_back({point, std::move(*adopted)});
            continue;
        } else {
            const uint16_t id = dispatch.id_of(point.name);
            auto lane = open_point(cpus, point, id, tracing, pages);
            if (!lane && is_stand_in(id)) continue;  // the kernel tells nothing of the kind, then
            if (!lane) return lane.error();
            points_.push_back({point, *std::move(lane)});
        }
        points_.back().lane.hold(holder, held_as(point));
    }
    return Ok{};
}

Status PerfEvents::prepare(uint32_t cpus, const Tracepoint& point, uint16_t id,
                           const Tracing& tracing) {
    ETW_TRY(PerfLane lane,
            open_tracepoint(cpus, id, point.filter, tracing, pages_for(cpus, points_.size() + 1)));
    prepared_.push_back({point, std::move(lane)});
    return Ok{};
}

void PerfEvents::begin_prepared_at(const std::vector<int64_t>& times) {
    for (Point& point : prepared_) {
        if (point.from.empty()) point.from = times;
    }
}

std::vector<Tracepoint> PerfEvents::leaving(const Tracing& tracing) const {
    std::vector<Tracepoint> out;
    for (const Point& point : points_) {
        const bool stands_in = !point.lane.programs.empty();
        if (!stands_in && !takes(point.tracepoint.name, tracing)) out.push_back(point.tracepoint);
    }
    return out;
}

void PerfEvents::end_at(const Tracepoint& point, const std::vector<int64_t>& times) {
    for (Point& ours : points_) {
        if (ours.tracepoint == point) ours.until = times;
    }
}

void PerfEvents::cancel() {
    prepared_.clear();
    for (Point& point : points_) point.until.clear();
}

uint64_t PerfEvents::drop_rest_of(uint16_t id) {
    const auto is_of_it = [id](const Pending& p) {
        return p.kind == Pending::Kind::kTracepoint &&
               RawEvent{p.cpu, p.time, p.sample.raw}.id() == id;
    };
    const auto rest = std::remove_if(pending_.begin() + ptrdiff_t(next_), pending_.end(), is_of_it);
    const auto count = uint64_t(pending_.end() - rest);
    pending_.erase(rest, pending_.end());
    return count;
}

bool PerfEvents::has(const Tracepoint& point) const noexcept {
    return std::any_of(points_.begin(), points_.end(),
                       [&](const Point& ours) { return ours.tracepoint == point; });
}

std::vector<int> PerfEvents::fds() const {
    std::vector<int> out;
    const auto add = [&out](const std::vector<PerfRing>& rings) {
        for (const PerfRing& ring : rings) out.push_back(ring.fd().get());
    };
    add(maps_);
    add(unmaps_.rings);
    add(samples_.rings);
    for (const Point& point : points_) add(point.lane.rings);
    return out;
}

void PerfEvents::stop() {
    for (const int fd : fds()) static_cast<void>(::ioctl(fd, PERF_EVENT_IOC_DISABLE, 0));
}

void PerfEvents::let_go(Holder& holder) {
    for (const char* what : {kMaps, kUnmaps, kSamples}) holder.let_go(what);
    for (const Point& point : points_) holder.let_go(held_as(point.tracepoint));
    maps_.clear();
    unmaps_ = {};
    samples_ = {};
    points_.clear();
}

int64_t PerfEvents::read(int64_t now, const Dispatch* look) {
    if (maps_.empty() && samples_.rings.empty() && points_.empty()) return now;
    if (complete_until_ >= now) return now;  // there is nothing more to take
    // Unless none of them may be handed out: then no room would ever come.
    const bool is_full = pending_.size() - next_ > kMaxPending;
    if (is_full && pending_[next_].time <= complete_until_) return complete_until_;
    const int64_t looked_at = counter_.now();
    pending_.erase(pending_.begin(), pending_.begin() + ptrdiff_t(std::exchange(next_, 0)));
    const size_t before = pending_.size();
    const auto take_all = [this](std::vector<PerfRing>& rings, Pending::Kind kind,
                                 const PerfForm& form, const Point* point) {
        Pending as;
        as.kind = kind;
        for (as.cpu = 0; as.cpu < rings.size(); ++as.cpu) {
            if (point != nullptr && !point->from.empty()) as.from = point->from[as.cpu];
            if (point != nullptr && !point->until.empty()) as.until = point->until[as.cpu];
            take(rings[as.cpu], as, form);
        }
    };
    take_all(maps_, Pending::Kind::kMap, {}, nullptr);
    take_all(unmaps_.rings, Pending::Kind::kUnmap, unmaps_.form, nullptr);
    take_all(samples_.rings, Pending::Kind::kSample, samples_.form, nullptr);
    for (Point& point : points_)
        take_all(point.lane.rings, Pending::Kind::kTracepoint, point.lane.form, &point);
    clock_.sample();  // behind the last of them
    for (size_t i = before; i < pending_.size(); ++i) {
        pending_[i].time = clock_.to_counter(uint64_t(pending_[i].time));
    }
    // What was mapped before the session began stands in /proc.
    const auto is_not_ours = [this](const Pending& p) {
        return p.time < from_ || p.time < p.from || p.time >= p.until;
    };
    pending_.erase(
        std::remove_if(pending_.begin() + ptrdiff_t(before), pending_.end(), is_not_ours),
        pending_.end());
    const auto by_time = [](const Pending& a, const Pending& b) { return a.time < b.time; };
    const auto middle = pending_.begin() + ptrdiff_t(before);
    std::stable_sort(middle, pending_.end(), by_time);
    if (look != nullptr) {
        for (auto it = middle; it != pending_.end(); ++it) {
            if (it->kind == Pending::Kind::kTracepoint)
                (*look)(RawEvent{it->cpu, it->time, it->sample.raw});
        }
    }
    std::inplace_merge(pending_.begin(), middle, pending_.end(), by_time);
    complete_until_ = looked_at;
    return now;
}

void PerfEvents::take(PerfRing& ring, const Pending& as, const PerfForm& form) {
    for (ring.look(); const auto record = ring.front(); ring.pop()) {
        Pending out = as;
        uint64_t time = 0;
        if (record->type == PERF_RECORD_SAMPLE) {
            if (!parse_sample(record->body, form, out.sample)) continue;
            time = out.sample.time;
        } else {
            if (as.kind != Pending::Kind::kMap || record->body.size() < kTrailer) continue;
            const size_t size = record->body.size() - kTrailer;
            std::memcpy(&time, record->body.data() + record->body.size() - sizeof(time),
                        sizeof(time));
            if (!parse_other(*record, record->body.first(size), out)) continue;
        }
        out.time = int64_t(time);  // read() has the counter of it
        pending_.push_back(std::move(out));
    }
}

// False where nothing is to be handed out.
bool PerfEvents::parse_other(const PerfRing::Record& record, Bytes body, Pending& out) {
    ByteReader in(body);
    if (record.type == PERF_RECORD_LOST) {
        const auto id = in.read<uint64_t>("perf lost: id");
        const auto lost = in.read<uint64_t>("perf lost: count");
        if (id && lost) context_.sink.add_lost(*lost);
        return false;
    }
    if (record.type == PERF_RECORD_COMM) {
        if ((record.misc & PERF_RECORD_MISC_COMM_EXEC) == 0) return false;
        const auto pid = in.read<uint32_t>("perf comm: pid");
        if (!pid) return false;
        out.kind = Pending::Kind::kExec;
        out.process = *pid;
        return true;
    }
    if (record.type == PERF_RECORD_KSYMBOL) return parse_code(body, out);
    return record.type == PERF_RECORD_MMAP2 && parse_map(body, record.misc, out);
}

bool PerfEvents::parse_map(Bytes body, uint16_t misc, Pending& out) {
    struct Map {
        uint32_t process, thread;
        uint64_t address, length, offset;
        uint32_t major, minor;
        uint64_t inode, generation;
        uint32_t protection, flags;
    };
    static_assert(sizeof(Map) == 64);
    ByteReader in(body);
    const auto map = in.read<Map>("perf mmap2");
    if (!map) return false;
    const Bytes rest = in.rest();
    const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
    std::string path(reinterpret_cast<const char*>(rest.data()), size_t(end - rest.begin()));
    if (!path.starts_with('/') && path != "[vdso]") return false;
    out.kind = Pending::Kind::kMap;
    out.process = map->process;
    out.thread = map->thread;
    out.to_run = (misc & PERF_RECORD_MISC_MMAP_DATA) == 0;
    out.image = image_of(map->address, map->length, map->offset, std::move(path));
    // Another reader may have asked for build ids, and the kernel marked this record with them.
    out.image.inode = map->inode;
    out.image.device = device_number(map->major, map->minor);
    return true;
}

bool PerfEvents::parse_code(Bytes body, Pending& out) {
    struct Symbol {
        uint64_t address;
        uint32_t length;
        uint16_t type, flags;
    };
    static_assert(sizeof(Symbol) == 16);
    ByteReader in(body);
    const auto symbol = in.read<Symbol>("perf ksymbol");
    if (!symbol) return false;
    const Bytes rest = in.rest();
    const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
    const std::string name(reinterpret_cast<const char*>(rest.data()), size_t(end - rest.begin()));
    const bool gone = (symbol->flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER) != 0;
    out.kind = gone ? Pending::Kind::kCodeGone : Pending::Kind::kCode;
    out.to_run = true;
    out.image.base = symbol->address;
    out.image.size = symbol->length;
    out.image.path = "[" + name + "]";
    return true;
}

std::optional<int64_t> PerfEvents::hand_out(int64_t until, const Dispatch& dispatch) {
    for (; next_ < pending_.size() && pending_[next_].time <= until; ++next_) {
        Pending& p = pending_[next_];
        if (!sink_.has_room(p.cpu)) return p.time;
        // Two clocks agree to some ten nanoseconds only, and no stream goes back.
        p.time = std::max(p.time, sink_.last_time(p.cpu));
        const ImageEvents::Place at{p.process, p.time, p.cpu, p.thread};
        switch (p.kind) {
            case Pending::Kind::kMap:
            case Pending::Kind::kCode:
                hand_out_map(p, at);
                break;
            case Pending::Kind::kUnmap:
                hand_out_unmap(p, at);
                break;
            case Pending::Kind::kExec:
                mapping_.erase(p.process);
                images_.on_drop(at);
                break;
            case Pending::Kind::kCodeGone:
                images_.drop(p.image.base, at);
                break;
            case Pending::Kind::kSample:
            case Pending::Kind::kTracepoint:
                name_who_has_ended(p);
                sink_.begin(
                    {{p.sample.thread, p.sample.process}, p.sample.stack, p.sample.counters});
                if (p.kind == Pending::Kind::kSample) {
                    send_sample(p);
                } else {
                    dispatch(RawEvent{p.cpu, p.time, p.sample.raw});
                }
                sink_.clear();
                break;
        }
        sink_.done_with_one();
    }
    return std::nullopt;
}

void PerfEvents::hand_out_map(Pending& p, const ImageEvents::Place& at) {
    const auto caller = p.to_run ? mapping_.extract(p.thread) : decltype(mapping_)::node_type();
    if (!caller.empty()) sink_.begin({{p.thread, p.process}, caller.mapped(), {}});
    images_.on_map(std::move(p.image), p.to_run, at);
    sink_.clear();
}

void PerfEvents::hand_out_unmap(const Pending& p, ImageEvents::Place at) {
    ByteReader in(p.sample.raw);
    const auto gone = in.read<Unmapping>("unmapping");
    if (!gone) return;
    at.process = p.sample.process;
    at.thread = p.sample.thread;
    images_.on_unmap(gone->from, gone->to, gone->has_files != 0, at);
}

// Of a thread that has given its number back perf tells -1.
void PerfEvents::name_who_has_ended(Pending& p) const {
    if (p.sample.thread != ~uint32_t{0}) return;
    if (const Thread* ended = context_.tasks.last_ended(p.cpu)) {
        p.sample.thread = ended->id;
        p.sample.process = ended->process;
    }
}

void PerfEvents::send_sample(const Pending& p) {
    if (tracing_.by_timer) {
        RecordBuilder(kSample, 2, p.time)
            .put(p.sample.address)
            .put(p.sample.thread)
            .put(uint16_t{1})  // samples that this record stands for
            .put(uint8_t{0})
            .put(uint8_t{0})
            .send(context_.sink, p.cpu);
    } else {
        RecordBuilder(kCounterSample, 2, p.time)
            .put(p.sample.address)
            .put(p.sample.thread)
            .put(tracing_.profile_source.id)
            .put(uint16_t{0})
            .send(context_.sink, p.cpu);
    }
}

void PerfEvents::give_back() {
    for (PerfRing& ring : maps_) ring.give_back();
    unmaps_.give_back();
    samples_.give_back();
    for (Point& point : points_) point.lane.give_back();
}

uint64_t PerfEvents::take_lost() {
    uint64_t sum = unmaps_.take_lost() + samples_.take_lost();
    for (Point& point : points_) sum += point.lane.take_lost();
    return sum;
}

uint64_t PerfEvents::count_rest() const {
    const auto counts = [](const Pending& p) {
        return p.kind == Pending::Kind::kSample || p.kind == Pending::Kind::kTracepoint;
    };
    return uint64_t(std::count_if(pending_.begin() + ptrdiff_t(next_), pending_.end(), counts));
}

}  // namespace etw::kernel
