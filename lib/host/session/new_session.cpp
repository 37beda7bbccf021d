#include "host/session/new_session.h"

#include "base/filetime.h"
#include "host/recording/log_file.h"
#include "host/session/session_clock.h"
#include "ring/clock.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>

namespace etw::host {

using session::Failure;
using session::Outcome;
using session::Properties;

namespace {

template <class T>
T random_value() {
    T value{};
    // Blocks only in the first moments of a machine; cannot fail for so few bytes.
    ETW_ASSERT(::getrandom(&value, sizeof(value), 0) == ssize_t(sizeof(value)));
    return value;
}

wire::RingGeometry geometry_for(const Properties& p) {
    const bool one_ring = (p.log_file_mode & kModeNoPerProcessor) != 0;
    const uint32_t cpus = one_ring ? 1 : cpu_count();
    uint32_t flags = (p.log_file_mode & kModeBuffering) != 0 ? wire::kRingOverwrite : 0u;
    if ((p.log_file_mode & kModeLocalSequence) != 0) flags |= wire::kRingLocalNumbers;
    if ((p.log_file_mode & kModeGlobalSequence) != 0) flags |= wire::kRingGlobalNumbers;
    return {cpus, session::blocks_per_cpu(p, cpus), p.buffer_size_kb * 1024, flags};
}

}  // namespace

uint32_t cpu_count() {
    const long n = ::sysconf(_SC_NPROCESSORS_CONF);
    return uint32_t(std::clamp<long>(n, 1, wire::RingGeometry::kMaxCpus));
}

Failure failure_of(const Error& error, const std::string& subject) {
    return {error.code, fmt::format("{}: {}", subject, error.what)};
}

Failure no_memory(const std::string& session, const wire::RingGeometry& geometry) {
    uint64_t available_kb = 0;
    std::ifstream in("/proc/meminfo");
    for (std::string line; std::getline(in, line);) {
        if (std::sscanf(line.c_str(), "MemAvailable: %" SCNu64, &available_kb) == 1) break;
    }
    return {Code::kNoSystemResources,
            fmt::format("not enough memory for the buffers of '{}': {} KB for each user, {} KB are "
                        "available; give fewer or smaller ones with -max and -b",
                        session, geometry.set_size() / 1024, available_kb)};
}

Outcome<Ok> check_files(const Properties& p, const RequestFiles& files) {
    if (p.log_file.empty()) return Ok{};
    if (files.fds.empty()) {
        return Failure{Code::kBadPathname, "the request came without an open log file"};
    }
    if (!files.usable) return failure_of(files.usable.error(), p.log_file);
    if ((p.log_file_mode & (kModeNewFile | kModePrivate)) != 0 && !files.has_folder()) {
        return Failure{Code::kPathNotFound, "the request came without the folder of the log file"};
    }
    if (const auto room = check_disk_space(files.free_bytes, p); !room) {
        return Failure{Code::kDiskFull,
                       fmt::format("{}: only {} MB are free on its disk; free some, choose another "
                                   "disk with -f or a smaller limit",
                                   p.log_file, room.error().where / 1024 / 1024)};
    }
    return Ok{};
}

uint32_t flush_timer(const Properties& p) {
    return (p.log_file_mode & kModeBuffering) != 0 ? 0 : p.flush_timer_s;
}

SavedSession new_saved(const Properties& p, uint32_t slot, const PeerCredentials& peer) {
    SavedSession saved;
    saved.properties = p;
    if (saved.properties.guid == Guid{}) saved.properties.guid = random_value<Guid>();
    saved.key.slot = slot;
    while (saved.key.epoch == 0) saved.key.epoch = random_value<uint64_t>();
    saved.geometry = geometry_for(p);
    saved.owner_uid = peer.uid;
    saved.owner_gid = peer.gid;
    saved.controller_pid = uint32_t(peer.pid);
    saved.counter_hz = counter_hz();
    const ring::ClockSample now = ring::sample_clocks();
    saved.start_counter = counter_at(now.monotonic_ns);
    saved.start_filetime = filetime_from_unix_ns(now.unix_ns);
    return saved;
}

}  // namespace etw::host
