#include "kernel/uprobes.h"

#include "base/unique_fd.h"
#include "kernel/tracefs.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <compare>
#include <csignal>
#include <cstdlib>
#include <set>

namespace etw::kernel {
namespace {

constexpr std::string_view kPrefix = "etw_";

std::string list_path(const std::string& tracefs) { return tracefs + "/uprobe_events"; }

// One line. The file must not be truncated: that would remove everybody's probes.
Status write_line(const std::string& tracefs, const std::string& line) {
    const UniqueFd fd(::open(list_path(tracefs).c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!fd) {
        const Code code = errno == ENOENT ? Code::kNotSupported : code_from_errno(errno);
        return Error{code, "uprobe_events: open", uint64_t(errno)};
    }
    if (::write(fd.get(), line.data(), line.size()) != ssize_t(line.size())) {
        return Error{code_from_errno(errno), "uprobe_events", uint64_t(errno)};
    }
    return Ok{};
}

struct Listed {
    std::string group;
    std::string event;

    friend auto operator<=>(const Listed&, const Listed&) = default;
};

// "p:group/event path:offset ...", a line for each place.
std::vector<Listed> listed(const std::string& tracefs) {
    std::vector<Listed> out;
    const auto text = read_text(list_path(tracefs));
    if (!text) return out;
    std::string_view rest = *text;
    while (!rest.empty()) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const size_t colon = line.find(':');
        const size_t slash = line.find('/');
        const size_t blank = std::min(line.find(' '), line.size());
        if (colon == std::string_view::npos || slash == std::string_view::npos || slash < colon ||
            slash > blank) {
            continue;
        }
        out.push_back({std::string(line.substr(colon + 1, slash - colon - 1)),
                       std::string(line.substr(slash + 1, blank - slash - 1))});
    }
    return out;
}

// With all its places.
std::set<Listed> events_of(const std::vector<Listed>& places) {
    return {places.begin(), places.end()};
}

std::string instance_folder(const std::string& tracefs, std::string group) {
    std::replace(group.begin(), group.end(), '_', '-');
    return tracefs + "/instances/" + group;
}

void remove(const std::string& tracefs, const Listed& probe) {
    static_cast<void>(write_line(tracefs, fmt::format("-:{}/{}\n", probe.group, probe.event)));
}

}  // namespace

Status UprobeGroup::define(const std::vector<Uprobe>& probes) {
    const std::vector<Listed> there = probes.empty() ? std::vector<Listed>() : listed(tracefs_);
    for (const Uprobe& probe : probes) {
        const Listed event{name_, probe.event};
        const auto places = size_t(std::count(there.begin(), there.end(), event));
        if (places == probe.places.size()) continue;
        if (places != 0) remove(tracefs_, event);  // of one that was killed over it
        for (const std::string& place : probe.places) {
            ETW_CHECK(write_line(tracefs_, fmt::format("p:{}/{} {}\n", name_, probe.event, place)));
        }
    }
    return Ok{};
}

void UprobeGroup::keep_only(const std::vector<Uprobe>& probes) {
    for (const Listed& l : events_of(listed(tracefs_))) {
        const auto wanted = [&](const Uprobe& probe) { return probe.event == l.event; };
        if (l.group != name_ || std::any_of(probes.begin(), probes.end(), wanted)) continue;
        remove(tracefs_, l);
    }
}

std::string group_name(const std::string& instance) {
    std::string name = instance;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool is_our_group(std::string_view system) { return system.starts_with(kPrefix); }

void remove_unused_uprobes(const std::string& tracefs) {
    for (const Listed& l : events_of(listed(tracefs))) {
        if (!is_our_group(l.group)) continue;
        const auto maker = pid_t(std::strtol(l.group.c_str() + kPrefix.size(), nullptr, 10));
        if (maker > 0 && (::kill(maker, 0) == 0 || errno != ESRCH)) continue;
        if (::access(instance_folder(tracefs, l.group).c_str(), F_OK) == 0) continue;
        remove(tracefs, l);
    }
}

}  // namespace etw::kernel
