#include "export/perfetto.h"

#include "export/event_fields.h"
#include "export/perfetto_numbers.h"
#include "render/record_filter.h"

#include <fmt/format.h>

#include <utility>

namespace etw::exports {
namespace {

constexpr uint32_t kSequence = 1;
constexpr size_t kMaxInterned = 1 << 16;  // texts of a kind; more are written out each time
constexpr uint8_t kGroupThread = 0x05;
constexpr uint8_t kGroupStackWalk = 0x18;

bool is_rundown(const decode::Event& event) {
    const auto& opcode = event.opcode;
    return opcode.starts_with("DCStart") || opcode.starts_with("DCStop") ||
           opcode.starts_with("DCEnd");
}

}  // namespace

uint64_t Perfetto::Interned::find(std::string_view text, bool& is_new) {
    is_new = false;
    const auto at = numbers_.find(text);
    if (at != numbers_.end()) return at->second;
    if (numbers_.size() == kMaxInterned) return 0;
    is_new = true;
    const uint64_t number = numbers_.size() + 1;
    numbers_.emplace(text, number);
    return number;
}

Result<std::unique_ptr<Perfetto>> Perfetto::create(const std::string& path) {
    ETW_TRY(OutFile file, OutFile::create(path));
    return std::unique_ptr<Perfetto>(new Perfetto(std::move(file)));
}

bool Perfetto::needs(const etl::Record& record) const {
    switch (render::describes(record)) {
        case render::Describes::kProcesses:
            return true;
        case render::Describes::kMachine:
            return record.hook_id >> 8 == kGroupThread;
        default:
            return false;
    }
}

Status Perfetto::add(const ExportEvent& in) {
    if (!begun_) ETW_CHECK(begin_trace(in.time));
    const auto change = names_.learn(in.record, in.event);
    ETW_CHECK(add_names(change, in.time));
    if (!in.wanted) return Ok{};
    ++events_;
    // Rundowns tell what there is, not what happens; a stack belongs to another event.
    if (is_rundown(in.event)) return Ok{};
    if (in.record.hook_id >> 8 == kGroupStackWalk) return Ok{};
    if (is_kernel(in.event, "Thread") && in.event.opcode == "CSwitch") return add_switch(in);
    if (is_kernel(in.event, "Thread") && in.event.opcode == "ReadyThread") return add_waking(in);
    return add_track_event(in);
}

// --- packets -----------------------------------------------------------------------------------

// Both clocks of the trace are Unix time: an .etl knows no other that its reader could use.
Status Perfetto::begin_trace(int64_t time) {
    begun_ = true;
    const size_t begun = packet_.begin(trace::kPacket);
    const size_t snapshot = packet_.begin(packet::kClockSnapshot);
    for (const uint32_t id : {clock::kBootTime, clock::kRealTime}) {
        const size_t one = packet_.begin(clock::kClocks);
        packet_.number(clock::kId, id);
        packet_.number(clock::kTime, unsigned_time(time));
        packet_.end(one);
    }
    packet_.number(clock::kPrimary, clock::kBootTime);
    packet_.end(snapshot);
    packet_.number(packet::kSequenceId, kSequence);
    packet_.number(packet::kSequenceFlags, packet::kStateCleared);
    packet_.end(begun);
    return write_packet();
}

Status Perfetto::write_packet() {
    const Status done = file_.write(packet_.view());
    packet_.clear();
    return done;
}

size_t Perfetto::begin_packet(int64_t time) {
    const size_t begun = packet_.begin(trace::kPacket);
    packet_.number(packet::kTimestamp, unsigned_time(time));
    packet_.number(packet::kSequenceId, kSequence);
    return begun;
}

void Perfetto::end_packet(size_t begun, bool interned) {
    if (interned) {
        packet_.number(packet::kSequenceFlags, packet::kNeedsState);
        const size_t data = packet_.begin(packet::kInternedData);
        const auto put = [&](uint32_t field, auto& fresh) {
            for (const auto& [number, text] : fresh) {
                const size_t one = packet_.begin(field);
                packet_.number(interned::kIid, number);
                packet_.text(interned::kName, text);
                packet_.end(one);
            }
            fresh.clear();
        };
        put(interned::kCategories, fresh_categories_);
        put(interned::kEventNames, fresh_events_);
        put(interned::kAnnotationNames, fresh_fields_);
        packet_.end(data);
    }
    packet_.end(begun);
}

void Perfetto::put_name(Interned& table, std::vector<std::pair<uint64_t, std::string>>& fresh,
                        uint32_t number_field, uint32_t text_field, std::string_view name) {
    bool is_new = false;
    const uint64_t number = table.find(name, is_new);
    if (number == 0) return packet_.text(text_field, name);
    if (is_new) fresh.emplace_back(number, name);
    packet_.number(number_field, number);
}

// --- tracks ------------------------------------------------------------------------------------

Result<uint64_t> Perfetto::track_of(const ExportEvent& in) {
    uint32_t process = in.record.process_id;
    uint32_t thread = in.record.thread_id;
    if (process == kNoId) {  // a record without ids: who ran on its processor?
        const auto at = running_.find(in.record.cpu);
        if (at != running_.end() && at->second != 0) {
            thread = at->second;
            process = names_.process_of(thread);
        }
    }
    if (process == kNoId || process == 0) return processor_track(in.record.cpu, in.time);
    if (thread == kNoId || thread == 0) return process_track(process, in.time);
    return thread_track(process, thread, in.time);
}

Result<uint64_t> Perfetto::process_track(uint32_t process, int64_t time) {
    const auto life = lives_.find(process);
    const uint64_t id =
        track_id(TrackKind::kProcess, process, life == lives_.end() ? 0 : life->second);
    if (tracks_.contains(id)) return id;
    if (tracks_.size() >= kMaxTracks) return kTraceTrack;
    tracks_.insert(id);
    const size_t begun = begin_packet(time);
    const size_t all = packet_.begin(packet::kTrackDescriptor);
    packet_.number(track::kUuid, id);
    const size_t one = packet_.begin(track::kProcess);
    packet_.number(track::kPid, process);
    const std::string_view name = names_.process(process);
    if (!name.empty()) packet_.text(track::kProcessName, name);
    packet_.end(one);
    packet_.end(all);
    end_packet(begun, false);
    ETW_CHECK(write_packet());
    return id;
}

Result<uint64_t> Perfetto::thread_track(uint32_t process, uint32_t thread, int64_t time) {
    ETW_TRY(const uint64_t parent, process_track(process, time));
    const uint64_t id = track_id(TrackKind::kThread, parent, thread);
    if (parent == kTraceTrack || tracks_.contains(id)) return parent == kTraceTrack ? parent : id;
    if (tracks_.size() >= kMaxTracks) return kTraceTrack;
    tracks_.insert(id);
    const size_t begun = begin_packet(time);
    const size_t all = packet_.begin(packet::kTrackDescriptor);
    packet_.number(track::kUuid, id);
    packet_.number(track::kParent, parent);
    const size_t one = packet_.begin(track::kThread);
    packet_.number(track::kThreadPid, process);
    packet_.number(track::kTid, thread);
    const std::string_view name = names_.thread(thread);
    if (!name.empty()) packet_.text(track::kThreadName, name);
    packet_.end(one);
    packet_.end(all);
    end_packet(begun, false);
    ETW_CHECK(write_packet());
    return id;
}

Result<uint64_t> Perfetto::processor_track(uint16_t cpu, int64_t time) {
    const uint64_t id = track_id(TrackKind::kProcessor, cpu, 0);
    ETW_CHECK(describe_track(id, kTraceTrack, fmt::format("Processor {}", cpu), time));
    return id;
}

Status Perfetto::describe_track(uint64_t id, uint64_t parent, std::string_view name, int64_t time) {
    if (!tracks_.insert(id).second) return Ok{};
    const size_t begun = begin_packet(time);
    const size_t all = packet_.begin(packet::kTrackDescriptor);
    packet_.number(track::kUuid, id);
    if (parent != kTraceTrack) packet_.number(track::kParent, parent);
    packet_.text(track::kName, name);
    packet_.end(all);
    end_packet(begun, false);
    return write_packet();
}

Status Perfetto::finish(uint64_t) {
    if (!begun_) ETW_CHECK(begin_trace(0));
    return file_.finish();
}

std::string Perfetto::report() const {
    std::string out = fmt::format("Events in the trace: {} ({} slices, {} scheduling events)\n",
                                  events_, slice_count_, switches_);
    if (unmatched_ != 0) {
        out += fmt::format("Starts and stops without their counterpart: {}\n", unmatched_);
    }
    return out;
}

}  // namespace etw::exports
