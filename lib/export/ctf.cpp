#include "export/ctf.h"

#include "base/path.h"
#include "etw/check.h"
#include "export/event_fields.h"
#include "export/out_file.h"
#include "export/value_text.h"
#include "render/record_filter.h"
#include "render/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace etw::exports {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kMagic = 0xC1FC1FC1;
constexpr char kMetadata[] = "metadata";
constexpr std::string_view kStreamPrefix = "channel_";

constexpr char kFront[] = R"(/* CTF 1.8 */

typealias integer { size = 8; align = 8; signed = false; } := uint8_t;
typealias integer { size = 16; align = 8; signed = false; } := uint16_t;
typealias integer { size = 32; align = 8; signed = false; } := uint32_t;
typealias integer { size = 64; align = 8; signed = false; } := uint64_t;
typealias integer { size = 8; align = 8; signed = true; } := int8_t;
typealias integer { size = 16; align = 8; signed = true; } := int16_t;
typealias integer { size = 32; align = 8; signed = true; } := int32_t;
typealias integer { size = 64; align = 8; signed = true; } := int64_t;
typealias integer { size = 8; align = 8; signed = false; base = 16; } := xint8_t;
typealias integer { size = 16; align = 8; signed = false; base = 16; } := xint16_t;
typealias integer { size = 32; align = 8; signed = false; base = 16; } := xint32_t;
typealias integer { size = 64; align = 8; signed = false; base = 16; } := xint64_t;
typealias integer { size = 16; align = 8; signed = false; byte_order = be; } := port_t;
typealias floating_point { exp_dig = 8; mant_dig = 24; align = 8; } := float32_t;
typealias floating_point { exp_dig = 11; mant_dig = 53; align = 8; } := float64_t;
typealias string { encoding = UTF8; } := string_t;

trace {
    major = 1;
    minor = 8;
    byte_order = le;
    packet.header := struct {
        uint32_t magic;
        uint32_t stream_id;
    };
};
)";

// Times are nanoseconds since 1970, so the clock has no offset.
constexpr char kStreamText[] = R"(
clock {
    name = etw;
    description = "Unix time";
    freq = 1000000000;
    offset_s = 0;
    absolute = TRUE;
};

typealias integer { size = 64; align = 8; signed = false; map = clock.etw.value; } := etw_time_t;

stream {
    id = 0;
    packet.context := struct {
        etw_time_t timestamp_begin;
        etw_time_t timestamp_end;
        uint64_t content_size;
        uint64_t packet_size;
        uint64_t packet_seq_num;
        uint64_t events_discarded;
        uint32_t cpu_id;
    };
    event.header := struct {
        uint32_t id;
        etw_time_t timestamp;
    };
    event.context := struct {
        int32_t _vpid;
        int32_t _vtid;
        uint8_t _level;
        uint8_t _opcode;
        xint64_t _keyword;
    };
};
)";

Error last_error(const char* what) { return Error{code_from_errno(errno), what, uint64_t(errno)}; }

bool is_ours(const fs::path& file) {
    const std::string name = to_text(file.filename());
    return name == kMetadata || name.starts_with(kStreamPrefix);
}

// What an export that was killed has left. Nothing else is touched.
void remove_part(const fs::path& part) {
    std::error_code ignored;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(part, ignored)) {
        if (is_ours(entry.path())) files.push_back(entry.path());
    }
    for (const fs::path& file : files) fs::remove(file, ignored);
    fs::remove(part, ignored);
}

Status append_to(const fs::path& path, std::span<const Bytes> pieces) {
    std::FILE* const file = std::fopen(to_text(path).c_str(), "ab");
    if (file == nullptr) return last_error("open for writing");
    bool written = true;
    for (const Bytes piece : pieces) {
        if (piece.empty()) continue;  // may have no address, which fwrite does not take
        written = written && std::fwrite(piece.data(), 1, piece.size(), file) == piece.size();
    }
    const Error failed = last_error("write");
    if (std::fclose(file) != 0) return last_error("write");
    if (!written) return failed;
    return Ok{};
}

// Inside the quotes of TSDL.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

int64_t linux_state(int64_t windows_state) {
    constexpr int64_t kSleeping = 1, kDead = 64;
    constexpr int64_t kTerminated = 4, kWaiting = 5, kTransition = 6;
    if (windows_state == kTerminated) return kDead;
    return windows_state == kWaiting || windows_state == kTransition ? kSleeping : 0;
}

}  // namespace

Result<std::unique_ptr<Ctf>> Ctf::create(const std::string& folder) {
    if (folder == kStandardOutput) {
        return Error{Code::kInvalidParameter, "a CTF trace is a folder; name one"};
    }
    std::error_code error;
    const fs::path path = to_path(folder);
    if (fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error))) {
        return Error{Code::kAlreadyExists, "exists and is no empty folder; choose another"};
    }
    fs::path part = path;
    if (!part.has_filename()) part = part.parent_path();  // "folder/"
    const fs::path target = part;
    part += kPartSuffix;
    remove_part(part);
    if (!fs::create_directory(part, error)) {
        return Error{error ? code_from_errno(error.value()) : Code::kAlreadyExists,
                     "make the folder", uint64_t(error.value())};
    }
    return std::unique_ptr<Ctf>(new Ctf(target, std::move(part)));
}

Ctf::~Ctf() {
    if (!part_.empty()) remove_part(part_);
}

bool Ctf::needs(const etl::Record& record) const {
    const auto what = render::describes(record);
    return what == render::Describes::kProcesses || what == render::Describes::kMachine;
}

Status Ctf::add(const ExportEvent& in) {
    names_.learn(in.record, in.event);
    if (!in.wanted) return Ok{};
    ++events_;
    fields_.clear();
    const std::string name = collect_fields(in);
    const uint32_t id = class_of(in, name);

    Stream& stream = streams_[in.record.cpu];
    const auto time = std::max(uint64_t(std::max<int64_t>(in.time, 0)), stream.last);
    if (stream.events.size() == 0) stream.begin = time;
    stream.last = time;
    ByteWriter& out = stream.events;
    out.write(id);
    out.write(time);
    out.write(in.record.process_id);
    out.write(in.record.thread_id);
    out.write(in.record.descriptor.level);
    out.write(in.record.descriptor.opcode);
    out.write(in.record.descriptor.keyword);
    out.append(fields_.values());
    if (out.size() < kPacketSize) return Ok{};
    return write_packet(in.record.cpu, stream, 0);
}

// Returns the name of the event.
std::string Ctf::collect_fields(const ExportEvent& in) {
    std::string name;
    append_provider(name, in.record, in.event);
    name += ':';
    append_name(name, in.record, in.event);
    const auto number = [&](const char* field) {
        return number_field(in.event, field).value_or(0);
    };
    const auto name_of = [&](int64_t thread) {
        return thread == 0 ? std::string_view("swapper") : names_.thread(uint32_t(thread));
    };
    const bool is_thread = is_kernel(in.event, "Thread");
    if (is_thread && in.event.opcode == "CSwitch") {
        schedules_ = true;
        name = "sched_switch";
        fields_.add_text("prev_comm", name_of(number("OldThreadId")));
        fields_.add_number("prev_tid", number("OldThreadId"), 4);
        fields_.add_number("prev_prio", number("OldThreadPriority"), 4);
        fields_.add_number("prev_state", linux_state(number("OldThreadState")), 8);
        fields_.add_text("next_comm", name_of(number("NewThreadId")));
        fields_.add_number("next_tid", number("NewThreadId"), 4);
        fields_.add_number("next_prio", number("NewThreadPriority"), 4);
    } else if (is_thread && in.event.opcode == "ReadyThread") {
        schedules_ = true;
        name = "sched_waking";
        fields_.add_text("comm", name_of(number("TThreadId")));
        fields_.add_number("tid", number("TThreadId"), 4);
        fields_.add_number("prio", 0, 4);
        fields_.add_number("target_cpu", in.record.cpu, 4);
    }
    fields_.add_items(in.event.items);
    if (in.event.outcome != decode::Outcome::kDecoded) fields_.add_bytes("payload", in.event.rest);
    if (in.event.message != nullptr) {
        fields_.add_text("message", message_text(in.record, in.event));
    }
    if (in.record.activity != Guid{}) {
        fields_.add_text("activity", to_string(in.record.activity));
    }
    if (in.event.related != nullptr) fields_.add_text("related", to_string(*in.event.related));
    return name;
}

uint32_t Ctf::class_of(const ExportEvent& in, const std::string& name) {
    const uint8_t level = in.record.descriptor.level;
    const uint16_t id = in.record.descriptor.id;
    key_ = name;
    key_ += '\0';  // which no name has: what follows cannot be taken for a part of it
    for (const auto number : {uint8_t(id), uint8_t(id >> 8), level}) key_ += char(number);
    key_ += fields_.signature();
    auto at = classes_.find(key_);
    if (at != classes_.end()) return at->second;
    if (classes_.size() >= kMaxClasses || declarations_.size() >= kMaxDeclared) {
        fields_.clear();
        fields_.add_bytes("payload", in.record.payload);
        key_ = "(others)";
        at = classes_.find(key_);
        if (at != classes_.end()) return at->second;
        declare("(others)", 0);
    } else {
        declare(name, level);
    }
    const auto number = uint32_t(classes_.size());
    classes_.emplace(key_, number);
    return number;
}

// ETW's levels are 1 critical to 5 verbose; CTF's those of syslog, with finer ones from 7 on.
void Ctf::declare(const std::string& name, uint8_t level) {
    constexpr int kLogLevels[] = {6, 2, 3, 4, 6, 14};
    declarations_ +=
        fmt::format("\nevent {{\n    id = {};\n    name = \"{}\";\n    stream_id = 0;\n",
                    classes_.size(), escaped(name));
    if (level != 0 && level < std::size(kLogLevels)) {
        declarations_ += fmt::format("    loglevel = {};\n", kLogLevels[level]);
    }
    declarations_ += "    fields := struct {\n" + fields_.declaration() + "    };\n};\n";
}

Status Ctf::write_packet(uint16_t cpu, Stream& stream, uint64_t events_lost) {
    constexpr size_t kHead = 2 * sizeof(uint32_t) + 6 * sizeof(uint64_t) + sizeof(uint32_t);
    const uint64_t bits = (kHead + stream.events.size()) * 8;
    ByteWriter head;
    head.write(kMagic);
    head.write(uint32_t{0});  // the stream's id
    head.write(stream.events.size() != 0 ? stream.begin : stream.last);
    head.write(stream.last);
    head.write(bits);  // of content, and of the packet
    head.write(bits);
    head.write(stream.packets++);
    head.write(events_lost);
    head.write(uint32_t{cpu});
    ETW_ASSERT(head.size() == kHead);
    const Bytes pieces[] = {head.bytes(), stream.events.bytes()};
    ETW_CHECK(append_to(part_ / fmt::format("{}{}", kStreamPrefix, cpu), pieces));
    stream.events = {};
    return Ok{};
}

std::string Ctf::metadata() const {
    std::string out = kFront;
    out += "\nenv {\n    tracer_name = \"openetw\";\n";
    if (schedules_) out += "    domain = \"kernel\";\n";
    out += "};\n";
    out += kStreamText;
    return out += declarations_;
}

// What was lost is known for the whole log only: it is told in a last packet, of the first stream.
Status Ctf::finish(uint64_t events_lost) {
    if (streams_.empty()) streams_.try_emplace(0);
    for (auto& [cpu, stream] : streams_) {
        if (stream.events.size() != 0 || stream.packets == 0) {
            ETW_CHECK(write_packet(cpu, stream, 0));
        }
    }
    if (events_lost != 0) {
        auto& [cpu, stream] = *streams_.begin();
        ETW_CHECK(write_packet(cpu, stream, events_lost));
    }
    const std::string text = metadata();
    const Bytes pieces[] = {std::as_bytes(std::span(text))};
    ETW_CHECK(append_to(part_ / kMetadata, pieces));
    std::error_code error;
    fs::rename(part_, folder_, error);
    if (error) {
        return Error{code_from_errno(error.value()), "give the folder its name",
                     uint64_t(error.value())};
    }
    part_.clear();
    return Ok{};
}

std::string Ctf::report() const {
    return fmt::format("Events in the trace: {} of {} kinds, {} streams\n", events_,
                       classes_.size(), streams_.size());
}

}  // namespace etw::exports
