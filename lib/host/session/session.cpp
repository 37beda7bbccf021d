#include "host/session/session.h"

#include "base/letter_case.h"
#include "session/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace etw::host {
namespace {

std::string kept_name(const char* kind, const wire::SessionKey& key, const std::string& rest) {
    return fmt::format("{}/{}/{:x}/{}", kind, key.slot, key.epoch, rest);
}

template <class T>
bool parse_number(std::string_view text, T& out, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc() && end == text.data() + text.size();
}

// By where a ring's head is, roughly; 0 only where nothing was ever written.
uint64_t bytes_recorded(const ring::RingSet& rings, uint32_t cpu) {
    const wire::RingPosition head = rings.head(cpu);
    const uint32_t block = rings.geometry().block_size - wire::kRingFirstOffset;
    return wire::block_of(head) * block + std::max(wire::offset_of(head), wire::kRingFirstOffset) -
           wire::kRingFirstOffset;
}

}  // namespace

const session::ProviderEnable* Session::find_enable(const Guid& guid) const {
    const auto found = std::find_if(saved.providers.begin(), saved.providers.end(),
                                    [&](const auto& p) { return p.guid == guid; });
    return found == saved.providers.end() ? nullptr : &*found;
}

bool Session::admits_user(uint32_t uid) const {
    return (saved.properties.log_file_mode & kModeSecure) == 0 || uid == saved.owner_uid ||
           uid == 0;
}

bool Session::records_kernel() const { return session::records_kernel(saved.properties); }

const Stream* Session::stream_of(uint32_t uid) const {
    // The newest: an earlier -max may have been the same.
    const auto found = std::find_if(streams.rbegin(), streams.rend(), [&](const auto& s) {
        return s->uid == uid && s->rings.geometry() == saved.geometry;
    });
    return found == streams.rend() ? nullptr : found->get();
}

session::SessionStatus Session::status() const {
    const DrainSnapshot s = thread->snapshot();
    const wire::RingGeometry& g = saved.geometry;
    session::SessionStatus out;
    out.properties = saved.properties;
    constexpr uint32_t kKernelLoggerId = 0xffff;
    const bool kernel_logger = same_name(saved.properties.name, session::kKernelLoggerName);
    out.logger_id = kernel_logger ? kKernelLoggerId : saved.key.slot + 1;
    out.logger_thread_id = s.thread_id;
    out.buffers_written = s.buffers_written;
    out.log_buffers_lost = s.buffers_lost;
    out.real_time_buffers_lost = s.real_time_buffers_lost;
    out.real_time_consumers = uint32_t(consumers.size());
    out.events_seen_bytes = s.record_bytes;
    out.owner_uid = saved.owner_uid;
    out.start_time = saved.start_filetime;
    out.log_file_size = s.log_size;
    using std::chrono::seconds;
    out.log_unanswered_s =
        uint32_t(std::chrono::duration_cast<seconds>(thread->log_unanswered()).count());
    out.providers = saved.providers;
    uint64_t lost = 0;
    uint32_t waiting = 0;
    for (const auto& stream : streams) {
        for (uint32_t cpu = 0; cpu < g.cpus; ++cpu) {
            lost += stream->rings.lost(cpu);
            if (is_buffered()) out.events_seen_bytes += bytes_recorded(stream->rings, cpu);
            out.number_of_buffers += stream->rings.geometry().blocks;
            waiting += stream->rings.pending_blocks(cpu, stream->rings.published_tail(cpu));
        }
    }
    // Given back where no program is left; the next one gets as many.
    if (streams.empty()) out.number_of_buffers = g.blocks * g.cpus;
    // The snapshot knows rings that are gone, the rings what was lost since.
    out.events_lost = std::max(s.events_lost, lost);
    out.free_buffers = out.number_of_buffers - std::min(waiting, out.number_of_buffers);
    return out;
}

std::string Session::kept_log(const FileIdentity& file) const {
    return kept_name("log", saved.key, fmt::format("{}.{}", file.device, file.inode));
}

std::string kept_rings_name(const wire::SessionKey& key, uint32_t uid, const FileIdentity& rings,
                            uint32_t blocks) {
    return kept_name("ring", key, fmt::format("{}/{}/{}", uid, rings.inode, blocks));
}

std::string Session::kept_rings(const Stream& stream) const {
    return kept_rings_name(saved.key, stream.uid, stream.rings_identity,
                           stream.rings.geometry().blocks);
}

std::string Session::kept_folder() const { return kept_name("dir", saved.key, ""); }

std::string Session::kept_feed() const { return kept_name("feed", saved.key, ""); }

std::string kept_kernel_name(const wire::SessionKey& key) { return kept_name("kernel", key, ""); }

void Session::forget_kept(const KeeperLink& keeper) const {
    keeper.remove(kept_log(claimed_log));
    if (thread != nullptr) keeper.remove(kept_log(thread->snapshot().file));
    keeper.remove(kept_folder());
    keeper.remove(kept_feed());
    keeper.remove_all(kept_kernel_name(saved.key));
    for (const auto& stream : streams) keeper.remove(kept_rings(*stream));
    for (const auto& stream : retiring) keeper.remove(kept_rings(*stream));
}

std::optional<KeptName> parse_kept_name(const std::string& name) {
    const size_t a = name.find('/');
    const size_t b = a == std::string::npos ? a : name.find('/', a + 1);
    const size_t c = b == std::string::npos ? b : name.find('/', b + 1);
    if (c == std::string::npos) return std::nullopt;
    KeptName out;
    out.kind = name.substr(0, a);
    out.rest = name.substr(c + 1);
    const std::string_view view = name;
    if (!parse_number(view.substr(a + 1, b - a - 1), out.key.slot, 10) ||
        !parse_number(view.substr(b + 1, c - b - 1), out.key.epoch, 16)) {
        return std::nullopt;
    }
    return out;
}

}  // namespace etw::host
