#include "export/perfetto.h"

#include "export/event_fields.h"
#include "export/value_text.h"
#include "render/record_filter.h"
#include "render/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace etw::exports {
namespace {

using decode::Format;
using decode::Item;

constexpr uint32_t kSequence = 1;
constexpr size_t kMaxInterned = 1 << 16;  // texts of a kind; more are written out each time
constexpr size_t kMaxTracks = 1 << 20;    // beyond, events stand on the trace's own track
constexpr size_t kMaxOpenTracks = 1 << 16;
constexpr size_t kMaxDepth = 512;  // slices in slices on one track

constexpr uint64_t kTraceTrack = 0;
constexpr uint8_t kOpcodeStart = 1;
constexpr uint8_t kOpcodeStop = 2;
constexpr uint8_t kGroupThread = 0x05;
constexpr uint8_t kGroupStackWalk = 0x18;

// Field numbers.
namespace trace {
constexpr uint32_t kPacket = 1;
}
namespace packet {
constexpr uint32_t kFtraceEvents = 1, kProcessTree = 2, kClockSnapshot = 6, kTimestamp = 8,
                   kSequenceId = 10, kTrackEvent = 11, kInternedData = 12, kSequenceFlags = 13,
                   kTrackDescriptor = 60;
constexpr uint32_t kStateCleared = 1, kNeedsState = 2;
}  // namespace packet
namespace clock {
constexpr uint32_t kClocks = 1, kPrimary = 2, kId = 1, kTime = 2;
constexpr uint32_t kRealTime = 1, kBootTime = 6;
}  // namespace clock
namespace track {
constexpr uint32_t kUuid = 1, kName = 2, kProcess = 3, kThread = 4, kParent = 5;
constexpr uint32_t kPid = 1, kProcessName = 6;
constexpr uint32_t kThreadPid = 1, kTid = 2, kThreadName = 5;
}  // namespace track
namespace event {
constexpr uint32_t kCategoryIid = 3, kAnnotation = 4, kType = 9, kNameIid = 10, kTrack = 11,
                   kCategory = 22, kName = 23;
}  // namespace event
namespace annotation {
constexpr uint32_t kNameIid = 1, kBool = 2, kUnsigned = 3, kSigned = 4, kReal = 5, kText = 6,
                   kPointer = 7, kName = 10, kMember = 11, kElement = 12;
}  // namespace annotation
namespace interned {
constexpr uint32_t kCategories = 1, kEventNames = 2, kAnnotationNames = 3, kIid = 1, kName = 2;
}  // namespace interned
namespace tree {
constexpr uint32_t kProcesses = 1, kThreads = 2;
constexpr uint32_t kPid = 1, kParent = 2, kCommandLine = 3;
constexpr uint32_t kTid = 1, kName = 2, kProcess = 3;
}  // namespace tree
namespace ftrace {
constexpr uint32_t kCpu = 1, kEvent = 2, kTime = 1, kThread = 2, kSwitch = 4, kWaking = 20;
constexpr uint32_t kPrevName = 1, kPrevThread = 2, kPrevPriority = 3, kPrevState = 4, kNextName = 5,
                   kNextThread = 6, kNextPriority = 7;
constexpr uint32_t kWakeName = 1, kWakeThread = 2, kWakePriority = 3, kWakeSuccess = 4,
                   kWakeCpu = 5;
}  // namespace ftrace

// Linux's letters for what a thread that left the processor does: R, S, D, X.
int64_t linux_state(int64_t windows_state) {
    constexpr int64_t kRunnable = 0, kSleeping = 1, kDiskSleep = 2, kDead = 16;
    switch (windows_state) {
        case 4:  // terminated
            return kDead;
        case 5:  // waiting
            return kSleeping;
        case 6:  // transition: its kernel stack is not in memory
            return kDiskSleep;
        default:  // ready, running, standby
            return kRunnable;
    }
}

enum class TrackKind : uint64_t { kProcess = 1, kThread, kProcessor, kActivity };

uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}
uint64_t track_id(TrackKind kind, uint64_t a, uint64_t b) {
    return mix(mix(mix(uint64_t(kind)) + a) + b) | 1;  // 0 is the trace's own
}

uint64_t unsigned_time(int64_t time) { return time > 0 ? uint64_t(time) : 0; }

// What the names of a start and its stop have in common.
std::string_view stem_of(std::string_view name) {
    for (const std::string_view end : {"Start", "Stop", "Begin", "End"}) {
        if (name.size() > end.size() && name.ends_with(end)) {
            name.remove_suffix(end.size());
            break;
        }
    }
    while (name.size() > 1 && (name.ends_with('/') || name.ends_with('_') || name.ends_with('.'))) {
        name.remove_suffix(1);
    }
    return name;
}

}  // namespace

uint64_t Perfetto::Interned::find(std::string_view text, bool& is_new) {
    is_new = false;
    const auto at = numbers_.find(std::string(text));
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
    if (in.event.opcode.starts_with("DC") && !is_kernel(in.event, "FileIo")) return Ok{};
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

// --- the kernel's events -----------------------------------------------------------------------

Status Perfetto::add_names(const ProcessNames::Change& change, int64_t time) {
    using What = ProcessNames::Change::What;
    if (change.what == What::kNothing || (change.what == What::kThread && change.thread == 0)) {
        return Ok{};
    }
    if (change.what == What::kProcess && change.starts && lives_.size() < kMaxTracks) {
        ++lives_[change.process];
    }
    const size_t begun = begin_packet(time);
    const size_t all = packet_.begin(packet::kProcessTree);
    if (change.what == What::kProcess) {
        const size_t one = packet_.begin(tree::kProcesses);
        packet_.number(tree::kPid, change.process);
        packet_.number(tree::kParent, change.parent);
        packet_.text(tree::kCommandLine, change.name);
        if (!change.command_line.empty()) {
            packet_.text(tree::kCommandLine, change.command_line);
        }
        packet_.end(one);
    } else {
        const size_t one = packet_.begin(tree::kThreads);
        packet_.number(tree::kTid, change.thread);
        if (!change.name.empty()) packet_.text(tree::kName, change.name);
        packet_.number(tree::kProcess, change.process);
        packet_.end(one);
    }
    packet_.end(all);
    end_packet(begun, false);
    return write_packet();
}

Status Perfetto::add_switch(const ExportEvent& in) {
    const auto next = number_field(in.event, "NewThreadId");
    const auto prev = number_field(in.event, "OldThreadId");
    if (!next || !prev) return Ok{};
    ++switches_;
    running_[in.record.cpu] = uint32_t(*next);
    const auto name_of = [&](int64_t thread) {
        return thread == 0 ? std::string_view("Idle") : names_.thread(uint32_t(thread));
    };
    const auto number = [&](const char* field) {
        return number_field(in.event, field).value_or(0);
    };
    const size_t begun = begin_packet(in.time);
    const size_t bundle = packet_.begin(packet::kFtraceEvents);
    packet_.number(ftrace::kCpu, in.record.cpu);
    const size_t event = packet_.begin(ftrace::kEvent);
    packet_.number(ftrace::kTime, unsigned_time(in.time));
    packet_.number(ftrace::kThread, uint32_t(*prev));
    const size_t one = packet_.begin(ftrace::kSwitch);
    packet_.text(ftrace::kPrevName, name_of(*prev));
    packet_.number(ftrace::kPrevThread, uint32_t(*prev));
    packet_.signed_number(ftrace::kPrevPriority, number("OldThreadPriority"));
    packet_.signed_number(ftrace::kPrevState, linux_state(number("OldThreadState")));
    packet_.text(ftrace::kNextName, name_of(*next));
    packet_.number(ftrace::kNextThread, uint32_t(*next));
    packet_.signed_number(ftrace::kNextPriority, number("NewThreadPriority"));
    packet_.end(one);
    packet_.end(event);
    packet_.end(bundle);
    end_packet(begun, false);
    return write_packet();
}

Status Perfetto::add_waking(const ExportEvent& in) {
    const auto thread = number_field(in.event, "TThreadId");
    if (!thread) return Ok{};
    ++switches_;
    const auto waker = running_.find(in.record.cpu);
    const size_t begun = begin_packet(in.time);
    const size_t bundle = packet_.begin(packet::kFtraceEvents);
    packet_.number(ftrace::kCpu, in.record.cpu);
    const size_t event = packet_.begin(ftrace::kEvent);
    packet_.number(ftrace::kTime, unsigned_time(in.time));
    packet_.number(ftrace::kThread, waker == running_.end() ? 0 : waker->second);
    const size_t one = packet_.begin(ftrace::kWaking);
    packet_.text(ftrace::kWakeName, names_.thread(uint32_t(*thread)));
    packet_.number(ftrace::kWakeThread, uint32_t(*thread));
    packet_.number(ftrace::kWakePriority, 0);
    packet_.number(ftrace::kWakeSuccess, 1);
    packet_.number(ftrace::kWakeCpu, in.record.cpu);
    packet_.end(one);
    packet_.end(event);
    packet_.end(bundle);
    end_packet(begun, false);
    return write_packet();
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

// --- events ------------------------------------------------------------------------------------

// A start without a stop stays open to the end of the trace; a stop without a start is a moment.
Status Perfetto::add_track_event(const ExportEvent& in) {
    ETW_TRY(const uint64_t own, track_of(in));
    const uint8_t opcode = in.record.descriptor.opcode;
    const bool paired = in.event.opcode.empty() && !in.event.name.empty() &&
                        (opcode == kOpcodeStart || opcode == kOpcodeStop);
    if (!paired) return put_event(in, Phase::kInstant, own);

    const std::string_view stem = stem_of(in.event.name);
    const bool has_activity = in.record.activity != Guid{};
    uint64_t track = own;
    if (has_activity) {  // may go on on other threads, and overlap with others: a track of its own
        uint64_t half[2];
        std::memcpy(half, &in.record.activity, sizeof(half));
        track = track_id(TrackKind::kActivity, half[0], half[1]);
    }
    if (opcode == kOpcodeStart) {
        const bool known = slices_.contains(track);
        if ((!known && slices_.size() >= kMaxOpenTracks) || slices_[track].size() >= kMaxDepth) {
            return put_event(in, Phase::kInstant, own);
        }
        if (has_activity && !known) {
            ETW_TRY(const uint64_t parent, process_track(in.record.process_id, in.time));
            ETW_CHECK(describe_track(track, parent, stem, in.time));
        }
        slices_[track].push_back(
            {in.record.provider, in.record.descriptor.task, std::string(stem)});
        ++slice_count_;
        return put_event(in, Phase::kBegin, track);
    }
    const auto at = slices_.find(track);
    if (at == slices_.end()) {
        ++unmatched_;
        return put_event(in, Phase::kInstant, own);
    }
    std::vector<Open>& open = at->second;
    const auto match = std::find_if(open.rbegin(), open.rend(), [&](const Open& start) {
        if (start.provider != in.record.provider) return false;
        const uint16_t task = in.record.descriptor.task;
        return start.stem == stem || (task != 0 && start.task == task) || has_activity;
    });
    if (match == open.rend()) {
        ++unmatched_;
        return put_event(in, Phase::kInstant, own);
    }
    const auto keep = size_t(open.rend() - match);
    ETW_CHECK(close_above(open, keep, track, in.time));
    open.pop_back();
    if (open.empty()) {
        slices_.erase(at);
        if (has_activity) tracks_.erase(track);
    }
    return put_event(in, Phase::kEnd, track);
}

// Slices nest: what was begun inside of one that stops, and did not stop itself, ends with it.
Status Perfetto::close_above(std::vector<Open>& open, size_t keep, uint64_t track, int64_t time) {
    for (; open.size() > keep; open.pop_back()) {
        ++unmatched_;
        const size_t begun = begin_packet(time);
        const size_t event = packet_.begin(packet::kTrackEvent);
        packet_.number(event::kType, uint64_t(Phase::kEnd));
        packet_.number(event::kTrack, track);
        packet_.end(event);
        end_packet(begun, false);
        ETW_CHECK(write_packet());
    }
    return Ok{};
}

Status Perfetto::put_event(const ExportEvent& in, Phase phase, uint64_t track) {
    const size_t begun = begin_packet(in.time);
    const size_t event = packet_.begin(packet::kTrackEvent);
    packet_.number(event::kType, uint64_t(phase));
    packet_.number(event::kTrack, track);
    put_name(categories_, fresh_categories_, event::kCategoryIid, event::kCategory,
             shown_provider(in.record, in.event));
    const std::string name = phase == Phase::kInstant ? shown_name(in.record, in.event)
                                                      : std::string(stem_of(in.event.name));
    put_name(event_names_, fresh_events_, event::kNameIid, event::kName, name);
    put_fields(in);
    packet_.end(event);
    end_packet(begun, true);
    return write_packet();
}

void Perfetto::put_fields(const ExportEvent& in) {
    // Annotations that are begun and not ended, and what their parts are.
    std::vector<std::pair<size_t, uint32_t>> open;
    const auto begin = [&](std::string_view name) {
        const uint32_t part = open.empty() ? event::kAnnotation : open.back().second;
        const size_t begun = packet_.begin(part);
        if (part != annotation::kElement) {
            put_name(field_names_, fresh_fields_, annotation::kNameIid, annotation::kName, name);
        }
        return begun;
    };
    for (const Item& item : in.event.items) {
        switch (item.kind) {
            case Item::Kind::kValue: {
                const size_t one = begin(item.field->name);
                put_value(item, 0, item.bytes.size());
                packet_.end(one);
                break;
            }
            case Item::Kind::kValues: {
                const size_t all = begin(item.field->name);
                for (size_t i = 0; i < item.count; ++i) {
                    const size_t one = packet_.begin(annotation::kElement);
                    put_value(item, i * item.field->size, item.field->size);
                    packet_.end(one);
                }
                packet_.end(all);
                break;
            }
            case Item::Kind::kArrayBegin:
                open.emplace_back(begin(item.field->name), annotation::kElement);
                break;
            case Item::Kind::kStructBegin:
                open.emplace_back(begin(item.field->name), annotation::kMember);
                break;
            case Item::Kind::kArrayEnd:
            case Item::Kind::kStructEnd:
                packet_.end(open.back().first);
                open.pop_back();
                break;
        }
    }
    if (in.event.message != nullptr) {
        const size_t one = begin("message");
        packet_.text(annotation::kText, message_text(in.record, in.event));
        packet_.end(one);
    }
    const auto put_text = [&](std::string_view name, const auto& append) {
        text_.clear();
        append(text_);
        const size_t one = begin(name);
        packet_.text(annotation::kText, text_.view());
        packet_.end(one);
    };
    if (in.event.outcome != decode::Outcome::kDecoded) {
        put_text("payload", [&](auto& out) { render::append_hex_bytes(out, in.event.rest); });
    }
    if (in.record.activity != Guid{}) {
        put_text("activity", [&](auto& out) { render::append_guid(out, in.record.activity); });
    }
}

void Perfetto::put_value(const Item& item, size_t at, size_t size) {
    const Item one{Item::Kind::kValue, 1, item.field, item.bytes.subspan(at, size)};
    const auto number = item.field->map == nullptr ? number_of(one) : std::nullopt;
    switch (number ? item.field->format : Format::kBinary) {
        case Format::kUnsigned:
        case Format::kWin32Error:
            return packet_.number(annotation::kUnsigned, uint64_t(*number));
        case Format::kSigned:
            return packet_.signed_number(annotation::kSigned, *number);
        case Format::kHex:
            return packet_.number(annotation::kPointer, uint64_t(*number));
        case Format::kBool:
            return packet_.number(annotation::kBool, *number != 0 ? 1 : 0);
        case Format::kFloat:
            if (size == sizeof(double)) {
                return packet_.real(annotation::kReal, std::bit_cast<double>(*number));
            }
            if (size == sizeof(float)) {
                return packet_.real(annotation::kReal,
                                    double(std::bit_cast<float>(uint32_t(*number))));
            }
            break;
        default:
            break;
    }
    packet_.text(annotation::kText, value_text(*item.field, one.bytes));
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
