#include "render/kernel_summary.h"

#include "base/utf16.h"
#include "decode/schema.h"
#include "render/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace etw::render {
namespace {

constexpr uint8_t kDiskGroup = 0x01;
constexpr uint8_t kProcessGroup = 0x03;
constexpr uint8_t kThreadGroup = 0x05;
constexpr uint8_t kTcpGroup = 0x06;
constexpr uint8_t kUdpGroup = 0x08;
constexpr uint16_t kDiskRead = 0x010A;
constexpr uint16_t kDiskWrite = 0x010B;
constexpr uint16_t kDiskFlush = 0x010E;
constexpr uint16_t kProcessStart = 0x0301;
constexpr uint16_t kProcessEnd = 0x0302;
constexpr uint16_t kProcessEndRundown = 0x0304;
constexpr uint16_t kFileRead = 0x0443;
constexpr uint16_t kFileWrite = 0x0444;
constexpr uint16_t kThreadEndRundown = 0x0504;
constexpr uint16_t kSwitch = 0x0524;
constexpr uint16_t kPhysicalDisk = 0x0B0B;
constexpr uint8_t kVersion6 = 0x10;  // of the types of TcpIp and UdpIp
constexpr uint8_t kSend = 0x0A;
constexpr uint8_t kReceive = 0x0B;

const decode::Item* find(const decode::Event& event, std::string_view name) {
    for (const decode::Item& item : event.items) {
        if (item.kind == decode::Item::Kind::kValue && item.field->name == name) return &item;
    }
    return nullptr;
}

// 0: the event has no such number.
uint64_t number_of(const decode::Event& event, std::string_view name) {
    const decode::Item* item = find(event, name);
    uint64_t out = 0;
    if (item != nullptr && item->bytes.size() <= sizeof(out)) {
        std::memcpy(&out, item->bytes.data(), item->bytes.size());
    }
    return out;
}

std::string text_of(const decode::Event& event, std::string_view name) {
    const decode::Item* item = find(event, name);
    if (item == nullptr) return {};
    if (item->field->format == decode::Format::kUtf16) {
        return decode::clean_text(to_utf8(item->bytes));
    }
    return decode::clean_text(
        {reinterpret_cast<const char*>(item->bytes.data()), item->bytes.size()});
}

std::string end_text(const std::array<std::byte, 16>& address, bool is_v6, uint16_t port) {
    OutBuffer out;
    append_value(out, is_v6 ? decode::Format::kIpv6 : decode::Format::kIpv4,
                 Bytes(address).first(is_v6 ? 16 : 4), Style::kBare);
    const auto host = uint16_t(port << 8 | port >> 8);
    return is_v6 ? fmt::format("[{}]:{}", out.view(), host)
                 : fmt::format("{}:{}", out.view(), host);
}

}  // namespace

// Null: it lies above those that are kept.
template <class Key, class Row>
Row* KernelSummary::row_of(std::map<Key, Row>& rows, const Key& key) {
    const auto at = rows.try_emplace(key).first;
    if (rows.size() <= kMaxRows) return &at->second;
    const auto last = std::prev(rows.end());
    const bool is_last = at == last;
    rows.erase(last);
    return is_last ? nullptr : &at->second;
}

KernelSummary::Thread* KernelSummary::thread_row(uint32_t id) {
    if (id >= threads_end_) return nullptr;
    const auto found = threads_.find(id);
    if (found != threads_.end()) return &found->second;
    if (threads_.size() >= 2 * kMaxRows) keep_low_threads(kMaxRows);
    return id < threads_end_ ? &threads_[id] : nullptr;
}

void KernelSummary::keep_low_threads(size_t rows) {
    if (threads_.size() <= rows) return;
    std::vector<uint32_t> ids;
    ids.reserve(threads_.size());
    for (const auto& [id, thread] : threads_) ids.push_back(id);
    std::nth_element(ids.begin(), ids.begin() + std::ptrdiff_t(rows), ids.end());
    threads_end_ = ids[rows];
    std::erase_if(threads_, [&](const auto& thread) { return thread.first >= threads_end_; });
}

void KernelSummary::add(const etl::Record& record, const decode::Event& event) {
    if (record.hook_id == 0) return;
    const auto group = uint8_t(record.hook_id >> 8);
    switch (group) {
        case kProcessGroup:
        case kThreadGroup:
            return add_process(record, event);
        case kDiskGroup:
            return add_disk(record, event);
        case kTcpGroup:
        case kUdpGroup:
            return add_link(record, event);
        default:
            break;
    }
    if (record.hook_id == kPhysicalDisk) {
        if (Disk* disk = row_of(disks_, uint32_t(number_of(event, "DiskNumber")))) {
            disk->model.set(record.time_stamp, text_of(event, "Manufacturer"));
        }
    }
    if (record.hook_id == kFileRead || record.hook_id == kFileWrite) {
        Thread* thread = thread_row(uint32_t(number_of(event, "TTID")));
        if (thread == nullptr) return;
        uint64_t& sum = record.hook_id == kFileRead ? thread->files.in : thread->files.out;
        sum += number_of(event, "IoSize");
    }
}

void KernelSummary::add_process(const etl::Record& record, const decode::Event& event) {
    if (record.hook_id == kSwitch) {
        uint32_t to = 0;  // begins the payload, and this event is the most frequent one
        if (record.payload.size() < sizeof(to)) return;
        std::memcpy(&to, record.payload.data(), sizeof(to));
        if (Thread* thread = thread_row(to)) ++thread->switches;
        return;
    }
    const auto process = uint32_t(number_of(event, "ProcessId"));
    if (record.hook_id >= kProcessStart && record.hook_id <= kProcessEndRundown) {
        Process* row = row_of(processes_, process);
        if (row == nullptr) return;
        std::string name = text_of(event, "ImageFileName");
        if (record.hook_id == kProcessStart) {
            row->started = true;
            row->first_name.set(~record.time_stamp, std::move(name));
        } else if (!name.empty()) {
            row->name.set(record.time_stamp, std::move(name));
        }
        if (record.hook_id == kProcessEnd) {
            row->exit_status.set(record.time_stamp, int32_t(number_of(event, "ExitStatus")));
        }
    } else if (record.hook_id > 0x0500 && record.hook_id <= kThreadEndRundown) {
        Thread* thread = thread_row(uint32_t(number_of(event, "TThreadId")));
        if (thread != nullptr) thread->process.set(record.time_stamp, process);
    }
}

void KernelSummary::add_disk(const etl::Record& record, const decode::Event& event) {
    if (record.hook_id != kDiskRead && record.hook_id != kDiskWrite &&
        record.hook_id != kDiskFlush) {
        return;
    }
    Disk* disk = row_of(disks_, uint32_t(number_of(event, "DiskNumber")));
    if (disk == nullptr) return;
    if (record.hook_id == kDiskFlush) {
        ++disk->flushes;
    } else if (record.hook_id == kDiskRead) {
        ++disk->reads;
        disk->bytes.in += number_of(event, "TransferSize");
    } else {
        ++disk->writes;
        disk->bytes.out += number_of(event, "TransferSize");
    }
}

void KernelSummary::add_link(const etl::Record& record, const decode::Event& event) {
    const auto type = uint8_t(record.hook_id);
    Link link;
    link.group = uint8_t(record.hook_id >> 8);
    link.is_v6 = (type & kVersion6) != 0;
    link.process = uint32_t(number_of(event, "PID"));
    const auto set = [&event](End& end, const char* address, const char* port) {
        const decode::Item* item = find(event, address);
        if (item == nullptr) return;
        const size_t size = std::min(item->bytes.size(), end.address.size());
        std::memcpy(end.address.data(), item->bytes.data(), size);
        end.port = uint16_t(number_of(event, port));
    };
    set(link.remote, "daddr", "dport");
    set(link.local, "saddr", "sport");
    Bytes2* bytes = row_of(links_, link);
    Process* process = row_of(processes_, link.process);
    const uint64_t size = number_of(event, "size");
    for (Bytes2* sum : {bytes, process != nullptr ? &process->net : nullptr}) {
        if (sum == nullptr) continue;
        if ((type & ~kVersion6) == kSend) sum->out += size;
        if ((type & ~kVersion6) == kReceive) sum->in += size;
    }
}

void KernelSummary::merge(const KernelSummary& other) {
    const auto add = [](Bytes2& to, const Bytes2& from) {
        to.in += from.in;
        to.out += from.out;
    };
    for (const auto& [id, from] : other.processes_) {
        Process* to = row_of(processes_, id);
        if (to == nullptr) continue;
        to->name.merge(from.name);
        to->first_name.merge(from.first_name);
        to->exit_status.merge(from.exit_status);
        to->started |= from.started;
        add(to->net, from.net);
    }
    for (const auto& [id, from] : other.threads_) {
        Thread* to = thread_row(id);
        if (to == nullptr) continue;
        to->process.merge(from.process);
        to->switches += from.switches;
        add(to->files, from.files);
    }
    for (const auto& [id, from] : other.disks_) {
        Disk* to = row_of(disks_, id);
        if (to == nullptr) continue;
        to->model.merge(from.model);
        to->reads += from.reads;
        to->writes += from.writes;
        to->flushes += from.flushes;
        add(to->bytes, from.bytes);
    }
    for (const auto& [link, from] : other.links_) {
        if (Bytes2* to = row_of(links_, link)) add(*to, from);
    }
    keep_low_threads(kMaxRows);
}

std::vector<ProcessRow> KernelSummary::processes() const {
    struct Sums {
        uint64_t switches = 0;
        Bytes2 files;
    };
    std::map<uint32_t, Sums> sums;
    for (const auto& [id, thread] : threads_) {
        Sums& sum = sums[thread.process.value.value_or(id)];
        sum.switches += thread.switches;
        sum.files.in += thread.files.in;
        sum.files.out += thread.files.out;
    }
    std::vector<ProcessRow> out;
    for (const auto& [id, process] : processes_) {
        const Sums& sum = sums[id];
        if (!process.started && !process.exit_status.value && sum.switches == 0 &&
            sum.files.in == 0 && sum.files.out == 0 && process.net.in == 0 &&
            process.net.out == 0) {
            continue;  // it was there, and nothing is told of it
        }
        const auto& name = process.name.value ? process.name.value : process.first_name.value;
        out.push_back({id, name.value_or(""), process.exit_status.value, sum.switches, sum.files.in,
                       sum.files.out, process.net.in, process.net.out});
    }
    return out;
}

std::vector<DiskRow> KernelSummary::disks() const {
    std::vector<DiskRow> out;
    for (const auto& [number, disk] : disks_) {
        out.push_back({number, disk.model.value.value_or(""), disk.reads, disk.bytes.in,
                       disk.writes, disk.bytes.out, disk.flushes});
    }
    return out;
}

std::vector<ConnectionRow> KernelSummary::connections() const {
    std::vector<ConnectionRow> out;
    for (const auto& [link, bytes] : links_) {
        const auto end = [v6 = link.is_v6](const End& e) {
            return end_text(e.address, v6, e.port);
        };
        out.push_back({link.process, link.group == kTcpGroup, end(link.local), end(link.remote),
                       bytes.in, bytes.out});
    }
    return out;
}

namespace {

// The column of a text is as wide as the longest: in places on a terminal, as fmt counts them where
// it fills up.
template <class Row>
size_t width_of(const std::vector<Row>& rows, std::string Row::*text, size_t least) {
    for (const Row& row : rows) {
        const std::string& s = row.*text;
        least = std::max(least, 2 * s.size() - fmt::formatted_size("{:<{}}", s, s.size()));
    }
    return least;
}

std::string table_of(const std::vector<ProcessRow>& rows) {
    constexpr auto kLine = "{:>10} {:<{}} {:>6} {:>10} {:>14} {:>14} {:>14} {:>14}\n";
    const size_t width = width_of(rows, &ProcessRow::name, 24);
    std::string out = fmt::format(kLine, "Process", "Name", width, "Exit", "Switches", "Read",
                                  "Written", "Received", "Sent");
    for (const ProcessRow& row : rows) {
        const std::string exit = row.exit_status ? std::to_string(*row.exit_status) : "-";
        fmt::format_to(std::back_inserter(out), kLine, row.id, row.name, width, exit, row.switches,
                       row.read, row.written, row.received, row.sent);
    }
    return rows.empty() ? std::string() : out;
}

std::string table_of(const std::vector<DiskRow>& rows) {
    constexpr auto kLine = "{:>10} {:<{}} {:>10} {:>14} {:>10} {:>14} {:>10}\n";
    const size_t width = width_of(rows, &DiskRow::model, 24);
    std::string out =
        fmt::format(kLine, "Disk", "Model", width, "Reads", "Bytes", "Writes", "Bytes", "Flushes");
    for (const DiskRow& row : rows) {
        fmt::format_to(std::back_inserter(out), kLine, row.number, row.model, width, row.reads,
                       row.read, row.writes, row.written, row.flushes);
    }
    return rows.empty() ? std::string() : out;
}

std::string table_of(const std::vector<ConnectionRow>& rows) {
    // The longest: [ffff:...]:65535 of version 6.
    constexpr auto kLine = "{:>10} {:<5} {:<47} {:<47} {:>14} {:>14}\n";
    std::string out = fmt::format(kLine, "Process", "Kind", "Local", "Remote", "Received", "Sent");
    for (const ConnectionRow& row : rows) {
        fmt::format_to(std::back_inserter(out), kLine, row.process, row.is_tcp ? "TCP" : "UDP",
                       row.local, row.remote, row.received, row.sent);
    }
    return rows.empty() ? std::string() : out;
}

}  // namespace

std::string KernelSummary::text() const {
    std::string out;
    for (const std::string& table :
         {table_of(processes()), table_of(disks()), table_of(connections())}) {
        if (!out.empty() && !table.empty()) out += '\n';
        out += table;
    }
    return out;
}

}  // namespace etw::render
