#include "kernel/tracefs/probe_group.h"

#include "base/hung_process.h"
#include "base/unique_fd.h"
#include "kernel/tracefs/tracefs.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <compare>
#include <cstdlib>
#include <set>

namespace etw::kernel {
namespace {

constexpr std::string_view kPrefix = "etw_";

std::string list_path(const std::string& tracefs, ProbesIn where) {
    return tracefs + (where == ProbesIn::kKernel ? "/kprobe_events" : "/uprobe_events");
}

// One line. The file must not be truncated: that would remove everybody's probes.
Status write_line(const std::string& list, const std::string& line) {
    const UniqueFd fd(::open(list.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!fd) {
        const Code code = errno == ENOENT ? Code::kNotSupported : code_from_errno(errno);
        return Error{code, "list of probes: open", uint64_t(errno)};
    }
    if (::write(fd.get(), line.data(), line.size()) != ssize_t(line.size())) {
        return Error{code_from_errno(errno), "list of probes", uint64_t(errno)};
    }
    return Ok{};
}

struct Listed {
    std::string group;
    std::string event;

    friend auto operator<=>(const Listed&, const Listed&) = default;
};

// "p:group/event place ...", a line for each place.
std::vector<Listed> listed(const std::string& list) {
    std::vector<Listed> out;
    const auto text = read_text(list);
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

void remove(const std::string& list, const Listed& probe) {
    static_cast<void>(write_line(list, fmt::format("-:{}/{}\n", probe.group, probe.event)));
}

}  // namespace

ProbeGroup::ProbeGroup(const std::string& tracefs, std::string name, ProbesIn where)
    : list_(list_path(tracefs, where)), name_(std::move(name)) {}

Status ProbeGroup::define(const std::vector<Probe>& probes) {
    const std::vector<Listed> there = probes.empty() ? std::vector<Listed>() : listed(list_);
    for (const Probe& probe : probes) {
        const Listed event{name_, probe.event};
        const auto places = size_t(std::count(there.begin(), there.end(), event));
        if (places == probe.places.size()) continue;
        if (places != 0) remove(list_, event);  // of one that was killed over it
        for (const std::string& place : probe.places) {
            ETW_CHECK(write_line(list_, fmt::format("p:{}/{} {}\n", name_, probe.event, place)));
        }
    }
    return Ok{};
}

void ProbeGroup::keep_only(const std::vector<Probe>& probes) {
    for (const Listed& l : events_of(listed(list_))) {
        const auto wanted = [&](const Probe& probe) { return probe.event == l.event; };
        if (l.group != name_ || std::any_of(probes.begin(), probes.end(), wanted)) continue;
        remove(list_, l);
    }
}

std::string group_name(const std::string& instance) {
    std::string name = instance;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

bool is_our_group(std::string_view system) { return system.starts_with(kPrefix); }

void remove_unused_probes(const std::string& tracefs) {
    for (const ProbesIn where : {ProbesIn::kPrograms, ProbesIn::kKernel}) {
        const std::string list = list_path(tracefs, where);
        for (const Listed& l : events_of(listed(list))) {
            if (!is_our_group(l.group)) continue;
            const auto maker = pid_t(std::strtol(l.group.c_str() + kPrefix.size(), nullptr, 10));
            if (maker > 0 && maker != ::getppid() && !has_ended(maker)) continue;
            if (::access(instance_folder(tracefs, l.group).c_str(), F_OK) == 0) continue;
            remove(list, l);
        }
    }
}

}  // namespace etw::kernel
