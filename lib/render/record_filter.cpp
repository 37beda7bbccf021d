#include "render/record_filter.h"

#include "base/letter_case.h"
#include "etl/kernel_class.h"
#include "etl/load.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace etw::render {
namespace {

constexpr uint32_t kNoId = UINT32_MAX;
constexpr size_t kMaxNamed = 1 << 20;  // processes that a log can name before it is not believed

constexpr uint8_t kGroupEventTrace = 0x00;
constexpr uint8_t kGroupThread = 0x05;
constexpr uint8_t kGroupTcpIp = 0x06;
constexpr uint8_t kGroupUdpIp = 0x08;
constexpr uint8_t kGroupConfig = 0x0B;
constexpr uint8_t kGroupImage = 0x14;
constexpr uint16_t kImageLoad = 0x030A;
constexpr uint16_t kProcessTerminate = 0x030B;
constexpr uint16_t kProcessCounters = 0x0320;
constexpr uint16_t kProcessCountersRundown = 0x0321;
constexpr uint16_t kStackWalk = 0x1820;
constexpr uint16_t kVirtualAlloc = 0x0262;
constexpr uint16_t kVirtualFree = 0x0263;

constexpr uint16_t kManifestEventId = 0xFFFE;  // EventSource's manifest, in chunks
constexpr size_t kManifestMagicOffset = 3;
constexpr std::byte kManifestMagic{0x5B};

constexpr Guid kMetaData{
    0xbbccf6c1, 0x6cd1, 0x48c4, {0x80, 0xff, 0x83, 0x94, 0x82, 0xe3, 0x76, 0x71}};
constexpr Guid kImageId{
    0xb3e675d7, 0x2554, 0x4f18, {0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde}};
constexpr Guid kSystemConfigEx{
    0x9b79ee91, 0xb5fd, 0x41c0, {0xa2, 0x43, 0x42, 0x48, 0xe2, 0x66, 0xe9, 0xd0}};

bool has_hook(const etl::Record& record) {
    using enum wire::HeaderType;
    switch (record.type) {
        case kSystem32:
        case kSystem64:
        case kCompact32:
        case kCompact64:
        case kPerfInfo32:
        case kPerfInfo64:
            return true;
        default:
            return false;
    }
}

bool is_classic(const etl::Record& record) {
    using enum wire::HeaderType;
    switch (record.type) {
        case kFull32:
        case kFull64:
        case kInstance32:
        case kInstance64:
            return true;
        default:
            return false;
    }
}

bool is_event(const etl::Record& record) {
    return record.type == wire::HeaderType::kEvent32 || record.type == wire::HeaderType::kEvent64;
}

// The hook id of a kernel event, also of one that came as a classic event; nothing of others.
std::optional<uint16_t> kernel_hook(const etl::Record& record) {
    if (has_hook(record)) return record.hook_id;
    if (!is_classic(record)) return std::nullopt;
    const auto* const at =
        std::find(std::begin(etl::kKernelClasses), std::end(etl::kKernelClasses), record.provider);
    if (at == std::end(etl::kKernelClasses)) return std::nullopt;
    return uint16_t((at - std::begin(etl::kKernelClasses)) << 8 | record.descriptor.opcode);
}

bool names_process(uint16_t hook) {
    switch (hook) {
        case 0x0301:
        case 0x0302:
        case 0x0303:
        case 0x0304:
        case 0x0327:
            return true;
        default:
            return false;
    }
}

// Where the payload of a kernel event names the process that the event is about.
std::optional<size_t> process_offset(uint16_t hook, size_t pointer) {
    switch (hook) {
        case kImageLoad:
        case kVirtualAlloc:
        case kVirtualFree:
            return 2 * pointer;
        case kProcessTerminate:
        case kProcessCounters:
        case kProcessCountersRundown:
            return 0;
        case kStackWalk:
            return sizeof(uint64_t);
        case 0x0501:
        case 0x0502:
        case 0x0503:
        case 0x0504:
        case 0x0548:
            return 0;
        case 0x1402:
        case 0x1403:
        case 0x1404:
            return 2 * pointer;
        default:
            break;
    }
    if (names_process(hook)) return pointer;
    const auto group = uint8_t(hook >> 8);
    if (group == kGroupTcpIp || group == kGroupUdpIp) return 0;
    return std::nullopt;
}

// The process that the payload names; kNoId if it names none.
uint32_t payload_process(const etl::Record& record) {
    const auto hook = kernel_hook(record);
    if (!hook) return kNoId;
    const auto at = process_offset(*hook, record.is_64_bit ? 8 : 4);
    if (!at || record.payload.size() < sizeof(uint32_t) ||
        *at > record.payload.size() - sizeof(uint32_t)) {
        return kNoId;
    }
    return etl::load<uint32_t>(record.payload.data() + *at);
}

// The level that a trace message format names, as TRACE_LEVEL_ERROR.
std::optional<uint8_t> message_level(std::string_view name) {
    constexpr std::pair<std::string_view, uint8_t> kLevels[] = {
        {"TRACE_LEVEL_NONE", 0},    {"TRACE_LEVEL_CRITICAL", 1}, {"TRACE_LEVEL_FATAL", 1},
        {"TRACE_LEVEL_ERROR", 2},   {"TRACE_LEVEL_WARNING", 3},  {"TRACE_LEVEL_INFORMATION", 4},
        {"TRACE_LEVEL_VERBOSE", 5},
    };
    for (const auto& [text, level] : kLevels) {
        if (text == name) return level;
    }
    return std::nullopt;
}

bool any_matches(const std::vector<std::string>& patterns, std::string_view text) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& pattern) { return matches_name(pattern, text); });
}

}  // namespace

bool FilterOptions::empty() const {
    return !from && !to && processes.empty() && process_names.empty() && providers.empty() &&
           provider_names.empty() && ids.empty() && events.empty() && !level;
}

Describes describes(const etl::Record& record) noexcept {
    if (is_event(record)) {
        const bool manifest = record.descriptor.id == kManifestEventId &&
                              record.payload.size() > kManifestMagicOffset &&
                              record.payload[kManifestMagicOffset] == kManifestMagic;
        return manifest ? Describes::kEvents : Describes::kNothing;
    }
    if (is_classic(record)) {
        if (record.provider == kMetaData) return Describes::kEvents;
        if (record.provider == kImageId || record.provider == kSystemConfigEx) {
            return Describes::kMachine;
        }
    }
    const auto hook = kernel_hook(record);
    if (!hook) return Describes::kNothing;
    if (names_process(*hook)) return Describes::kProcesses;
    switch (uint8_t(*hook >> 8)) {
        case kGroupEventTrace:
        case kGroupConfig:
        case kGroupImage:
            return Describes::kMachine;
        case kGroupThread:
            return process_offset(*hook, 8) ? Describes::kMachine : Describes::kNothing;
        default:
            return *hook == kImageLoad ? Describes::kMachine : Describes::kNothing;
    }
}

RecordFilter::RecordFilter(FilterOptions options)
    : options_(std::move(options)),
      active_(!options_.empty()),
      by_name_(!options_.process_names.empty()) {
    if (by_name_) decoder_ = std::make_unique<decode::Decoder>();
}
RecordFilter::RecordFilter(RecordFilter&&) noexcept = default;
RecordFilter::~RecordFilter() = default;

bool RecordFilter::wants(const etl::Record& record, int64_t time) {
    if (!active_) return true;
    if (!started_) {
        started_ = true;
        const auto absolute = [&](const std::optional<Moment>& m) -> std::optional<int64_t> {
            if (!m) return std::nullopt;
            if (!m->relative) return m->ticks;
            const int64_t room = std::numeric_limits<int64_t>::max() - std::max<int64_t>(time, 0);
            return time + std::min(m->ticks, room);
        };
        from_ = absolute(options_.from);
        to_ = absolute(options_.to);
    }
    if (by_name_) learn_name(record);
    if ((from_ && time < *from_) || (to_ && time > *to_)) return false;
    if (options_.level && record.descriptor.level > *options_.level) return false;
    if (!wants_id(record)) return false;
    if (options_.provider_names.empty() && !wants_provider(record)) return false;
    return wants_process(record);
}

bool RecordFilter::wants(const etl::Record& record, const decode::Event& event) const {
    if (!active_) return true;
    if (!options_.provider_names.empty() && !any_matches(options_.provider_names, event.provider) &&
        (options_.providers.empty() || !wants_provider(record))) {
        return false;
    }
    if (!options_.events.empty() && !any_matches(options_.events, event.name)) {
        if (event.opcode.empty()) return false;
        const std::string whole = std::string(event.name) + "/" + std::string(event.opcode);
        if (!any_matches(options_.events, whole)) return false;
    }
    if (options_.level && event.message != nullptr && record.descriptor.level == 0) {
        return message_level(event.message->level).value_or(0) <= *options_.level;
    }
    return true;
}

bool RecordFilter::wants_id(const etl::Record& record) const {
    if (options_.ids.empty()) return true;
    if (!is_event(record) && record.type != wire::HeaderType::kMessage) return false;
    const uint16_t id = record.descriptor.id;
    return std::any_of(options_.ids.begin(), options_.ids.end(),
                       [&](const IdRange& range) { return range.first <= id && id <= range.last; });
}

bool RecordFilter::wants_provider(const etl::Record& record) const {
    return options_.providers.empty() ||
           std::find(options_.providers.begin(), options_.providers.end(), record.provider) !=
               options_.providers.end();
}

bool RecordFilter::wants_process(const etl::Record& record) const {
    if (options_.processes.empty() && !by_name_) return true;
    const auto wanted = [&](uint32_t process) {
        return process != kNoId && (std::find(options_.processes.begin(), options_.processes.end(),
                                              process) != options_.processes.end() ||
                                    named_.contains(process));
    };
    return wanted(record.process_id) || wanted(payload_process(record));
}

void RecordFilter::learn_name(const etl::Record& record) {
    const auto hook = kernel_hook(record);
    if (!hook || !names_process(*hook)) return;
    decoder_->decode(record, event_);
    uint32_t process = kNoId;
    for (const decode::Item& item : event_.items) {
        if (item.field->name == "ProcessId" && item.bytes.size() >= sizeof(uint32_t)) {
            process = etl::load<uint32_t>(item.bytes.data());
        }
        if (item.field->name != "ImageFileName" || process == kNoId) continue;
        names_seen_ = true;
        const std::string_view name(reinterpret_cast<const char*>(item.bytes.data()),
                                    item.bytes.size());
        if (!any_matches(options_.process_names, name)) {
            named_.erase(process);
        } else if (named_.size() < kMaxNamed) {
            named_.insert(process);
        }
    }
}

bool FilteredSource::next(etl::Record& record, const etl::TimeConverter*& clock) {
    while (source_.next(record, clock)) {
        if (filter_.wants(record, clock->to_filetime(record.time_stamp))) return true;
        ++left_out_;
    }
    return false;
}

}  // namespace etw::render
