#include "host/recording/drain.h"

#include "base/filetime.h"
#include "base/testpoint.h"
#include "host/recording/record.h"
#include "host/recording/snapshot.h"
#include "ring/clock.h"

#include <algorithm>

namespace etw::host {
namespace {

// Of one write. Only when all of it is done may writers reuse what it held.
constexpr size_t kMaxBatch = 128;              // buffers
constexpr size_t kMaxBatchBytes = 8ull << 20;  // but always one buffer
constexpr size_t kMaxCopied = 1024 * 1024;     // bytes of merged buffers
constexpr uint32_t kMaxDamagePerPass = 64;     // of one ring

}  // namespace

Drain::Drain(const SavedSession& saved, std::optional<etl::LogWriter> log, Checkpoint checkpoint,
             Progress progress)
    : saved_(saved),
      clock_(clock_of(saved)),
      way_(saved.geometry),
      checkpoint_(std::move(checkpoint)),
      progress_(std::move(progress)),
      streams_(progress_.streams.size()) {
    if (log) take_log(std::move(*log));
    commit();
}

void Drain::take_log(etl::LogWriter log) {
    log_.emplace(std::move(log));
    log_->set_direct(open_direct(log_->file()));
    progress_.position = log_->position();
    progress_.begin = LogBegin::kDone;
}

Status Drain::begin_log(UniqueFd fd) {
    const bool append = progress_.begin == LogBegin::kAppend;
    ETW_TRY(auto log, host::begin_log(std::move(fd), saved_, progress_.path, append));
    take_log(std::move(log));
    commit();
    return Ok{};
}

Status Drain::resume_log(UniqueFd fd) {
    ETW_TRY(auto log, host::resume_log(std::move(fd), saved_, progress_));
    take_log(std::move(log));
    commit();
    return Ok{};
}

Status Drain::add_stream(std::shared_ptr<Stream> stream) {
    size_t index = 0;
    while (index < progress_.streams.size() &&
           !(progress_.streams[index].rings == stream->rings_identity)) {
        ++index;
    }
    const uint32_t cpus = saved_.geometry.cpus;
    if (index == progress_.streams.size()) {
        if (index == Progress::kMaxStreams) {
            return Error{Code::kNoSystemResources, "session: users", index};
        }
        StreamProgress added{stream->rings_identity, stream->uid, std::vector<CpuProgress>(cpus)};
        for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
            added.cpus[cpu].tail = stream->rings.published_tail(cpu);
            added.cpus[cpu].delivered = added.cpus[cpu].tail;
        }
        progress_.streams.push_back(std::move(added));
        streams_.push_back(nullptr);
    }
    if (streams_[index] != nullptr) return Ok{};  // handed back by a second process
    // A predecessor may have been killed between its commit and telling the writers.
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) stream->rings.release(cpu, at(index, cpu).tail);
    streams_[index] = std::move(stream);
    commit();
    return Ok{};
}

Status Drain::add_copy(const FileIdentity& missing, std::shared_ptr<Stream> stream) {
    for (size_t i = 0; i < streams_.size(); ++i) {
        StreamProgress& known = progress_.streams[i];
        if (streams_[i] == nullptr && known.rings == missing) known.rings = stream->rings_identity;
    }
    return add_stream(std::move(stream));
}

bool Drain::retire(Stream& stream) {
    const auto found = std::find_if(streams_.begin(), streams_.end(),
                                    [&](const auto& s) { return s.get() == &stream; });
    if (found == streams_.end()) return true;
    const auto index = found - streams_.begin();
    commit();  // reads what it has lost
    uint64_t lost = 0;
    for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
        const CpuProgress& progress = at(size_t(index), cpu);
        ring::Run run{};
        bool damaged = false;
        if (stream.rings.next(cpu, progress.tail, run, &damaged)) return false;
        lost += progress.lost;
    }
    // A process may still hand the rings to another host. Killed in between, that one knows the
    // counts from the checkpoint: they do not fall there.
    stream.rings.forget_lost();
    progress_.written_off += lost;
    progress_.streams.erase(progress_.streams.begin() + index);
    streams_.erase(found);
    commit();
    return true;
}

// --- gathering -------------------------------------------------------------------------------

Result<Drain::Outcome> Drain::pass(Depth depth) {
    if (keeps_records() || awaits_log()) return Outcome::kIdle;
    if (!log_) {
        if (depth == Depth::kFullBlocks && full_blocks() == 0) return Outcome::kIdle;
        return deliver(depth) ? Outcome::kWrote : Outcome::kIdle;
    }
    batch_.clear();
    copies_used_ = 0;
    const int64_t until = collect(depth);  // before any head is looked at: see cpu_merger.h
    const uint32_t cpus = saved_.geometry.cpus;
    first_cpu_ = (first_cpu_ + 1) % cpus;  // a busy one must not keep the others waiting
    for (uint32_t i = 0; i < cpus && batch_.size() < max_batch(); ++i) {
        gather((first_cpu_ + i) % cpus, depth, until);
    }
    if (batch_.empty()) {
        commit();  // what was lost, or skipped as damaged
        publish_tails();
        return Outcome::kIdle;
    }
    // Now, and not before the batch was gathered: what the writers get back has been delivered.
    deliver(depth);
    return write_batch();
}

// Returns the time up to which every record is in the streams, or about to be committed there.
int64_t Drain::collect(Depth depth) {
    const int64_t until =
        source_ == nullptr ? counter_now() : source_->collect(depth != Depth::kFullBlocks);
    // But no event is to find a ring full meanwhile.
    if (await_sent_ && has_socket_stream()) await_sent_([this] { return !has_crowded_ring(); });
    return until;
}

bool Drain::has_socket_stream() const {
    return std::any_of(streams_.begin(), streams_.end(), [](const auto& stream) {
        return stream != nullptr && stream->uid == kSocketStream;
    });
}

// Kernel events are younger in their stream than what has been collected; what user streams hold
// beyond that time has to wait for them. What is sent reaches its stream some time after it was
// written: others must not be ahead of it.
bool Drain::may_go_direct(size_t stream) const {
    const uint32_t uid = streams_[stream]->uid;
    return !clock_.rewrites() && (source_ == nullptr || uid == kKernelStream) &&
           (uid == kSocketStream || !has_socket_stream());
}

void Drain::gather(uint32_t cpu, Depth depth, int64_t until) {
    skip_damage(cpu);
    size_t active = 0;
    size_t only = 0;
    bool due = depth != Depth::kFullBlocks;
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        const wire::RingPosition tail = at(i, cpu).tail;
        ring::Run run{};
        bool damaged = false;
        if (!streams_[i]->rings.next(cpu, tail, run, &damaged)) continue;
        ++active;
        only = i;
        due = due || streams_[i]->rings.pending_blocks(cpu, tail) > 0;
    }
    if (active == 0 || !due) return;
    if (active == 1 && may_go_direct(only)) {
        const size_t before = batch_.size();
        gather_direct(cpu, only, depth);
        // Still alone: then all that was gathered is older than what the others write from now on.
        if (nothing_new(cpu, only)) return;
        batch_.resize(before);
    }
    gather_merged(cpu, depth, until);
}

// One writer's blocks go out as they are, without a copy.
void Drain::gather_direct(uint32_t cpu, size_t stream, Depth depth) {
    const ring::RingSet& rings = streams_[stream]->rings;
    wire::RingPosition tail = at(stream, cpu).tail;
    ring::Run run{};
    bool damaged = false;
    while (batch_.size() < max_batch()) {
        if (depth == Depth::kFullBlocks && rings.pending_blocks(cpu, tail) == 0) break;
        if (!rings.next(cpu, tail, run, &damaged) || damaged) break;
        tail = run.end;
        batch_.push_back({{uint16_t(cpu), 0, run.records}, {{stream, tail}}, 0});
    }
}

void Drain::gather_merged(uint32_t cpu, Depth depth, int64_t until) {
    std::vector<CpuMerger::Input> inputs;
    std::vector<size_t> indices;
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        inputs.push_back({&streams_[i]->rings, at(i, cpu).tail});
        indices.push_back(i);
    }
    CpuMerger merger(cpu, inputs, clock_, progress_.last_time[cpu],
                     {until, depth == Depth::kFinal});
    uint32_t damaged = 0;
    size_t written = 0;
    while (batch_.size() < max_batch()) {
        const std::span<std::byte> buffer = next_copy_buffer();
        if (buffer.empty()) break;
        const auto [size, full] = merger.fill(buffer);
        // A buffer that is not full stays in the rings until it is, or until a flush.
        damaged = merger.damaged();
        if (size == 0) {
            // All that moved the tails, if anything, was damage: skip it for good.
            for (size_t i = 0; i < indices.size(); ++i) at(indices[i], cpu).tail = merger.tail(i);
            break;
        }
        // A last buffer that is not full stays in the rings until it is, or until a flush; the
        // first one goes out as it is, because a ring that waits may be about to refuse events.
        if (!full && depth == Depth::kFullBlocks && written > 0) break;
        Pending pending{{uint16_t(cpu), 0, buffer.first(size)}, {}, merger.last_raw()};
        for (size_t i = 0; i < indices.size(); ++i) {
            pending.tails.emplace_back(indices[i], merger.tail(i));
        }
        batch_.push_back(std::move(pending));
        ++written;
        if (!full) break;
    }
    progress_.buffers_lost += damaged;
}

size_t Drain::max_batch() const {
    return std::clamp<size_t>(kMaxBatchBytes / saved_.geometry.block_size, 1, kMaxBatch);
}

size_t Drain::copies_allowed() const {
    return std::max<size_t>(1, kMaxCopied / saved_.geometry.block_size);
}

// Room for a header is left in front of it: see PagePieces::takes.
std::span<std::byte> Drain::next_copy_buffer() {
    const size_t size = saved_.geometry.block_size;
    if (copies_used_ == copies_allowed()) return {};
    if (copies_used_ == copies_.size()) {
        const size_t pages = (size + etl::kPageSize - 1) / etl::kPageSize;
        copies_.push_back(std::make_unique_for_overwrite<etl::Page[]>(pages));
    }
    auto* const block = reinterpret_cast<std::byte*>(copies_[copies_used_++].get());
    return std::span(block, size).subspan(wire::kRingFirstOffset);
}

bool Drain::nothing_new(uint32_t cpu, size_t except) const {
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (i == except || streams_[i] == nullptr) continue;
        ring::Run run{};
        bool damaged = false;
        if (streams_[i]->rings.next(cpu, progress_.streams[i].cpus[cpu].tail, run, &damaged)) {
            return false;
        }
    }
    return true;
}

void Drain::skip_damage(uint32_t cpu) {
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        ring::Run run{};
        bool damaged = false;
        uint32_t budget = kMaxDamagePerPass;
        while (budget-- > 0 && streams_[i]->rings.next(cpu, at(i, cpu).tail, run, &damaged) &&
               damaged) {
            at(i, cpu).tail = run.end;
            ++progress_.buffers_lost;
        }
    }
}

// --- writing ---------------------------------------------------------------------------------

Result<Drain::Outcome> Drain::write_batch() {
    const int64_t now = std::max(clock_.to_raw(counter_now()), progress_.last_buffer_time);
    std::vector<etl::BufferData> buffers;
    buffers.reserve(batch_.size());
    for (Pending& pending : batch_) {
        pending.data.time_stamp = now;
        buffers.push_back(pending.data);
    }
    const uint32_t before = log_->position().buffers_written;
    const Status status = write_buffers(buffers);  // D1
    ETW_TESTPOINT("drain.written");
    const size_t written = log_->position().buffers_written - before;
    if (written > 0) {
        progress_.last_buffer_time = now;
        apply(std::min(written, batch_.size()));
    }
    if (status) return Outcome::kWrote;
    if (status.error().code == Code::kMoreData) return Outcome::kLimitReached;
    return status.error();
}

Status Drain::write_buffers(std::span<const etl::BufferData> buffers) {
    const size_t bytes = buffers.size() * saved_.geometry.block_size;
    const auto start = WriteWay::Clock::now();
    const bool direct = log_->has_direct() && way_.direct(bytes, has_half_full_ring(), start);
    const Status status = log_->write(buffers, direct);
    const auto end = WriteWay::Clock::now();
    if (status) way_.wrote(direct, bytes, end - start, has_crowded_ring(), end);
    return status;
}

void Drain::apply(size_t written) {
    for (size_t i = 0; i < written; ++i) {
        const Pending& pending = batch_[i];
        const uint32_t cpu = pending.data.cpu;
        for (const auto& [stream, tail] : pending.tails) at(stream, cpu).tail = tail;
        int64_t last = pending.last_raw;
        if (last == 0 && (i + 1 == written || batch_[i + 1].data.cpu != cpu)) {
            // Of what went out as it was. To be exact is worth a look at one block: another stream
            // may come up whose first records are only a little later.
            const auto time = last_time_of(pending.data.records);
            last = time ? std::min(clock_.to_raw(*time), pending.data.time_stamp)
                        : pending.data.time_stamp;
        }
        progress_.last_time[cpu] = std::max(progress_.last_time[cpu], last);
        progress_.record_bytes += pending.data.records.size();
    }
    progress_.position = log_->position();
    commit();         // D2, D3
    publish_tails();  // D4
}

void Drain::commit() {
    if (feed_) feed_->note_backlog(progress_.delivery);
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            // Never falls, whatever a process writes there.
            at(i, cpu).lost = std::max(at(i, cpu).lost, streams_[i]->rings.lost(cpu));
        }
    }
    checkpoint_.commit(progress_);
    if (source_ != nullptr) source_->committed();
}

void Drain::publish_tails() {
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            streams_[i]->rings.release(cpu, at(i, cpu).tail);
        }
    }
}

// --- trouble and ends ------------------------------------------------------------------------

bool Drain::drop_block(size_t stream, uint32_t cpu) {
    ring::Run run{};
    bool damaged = false;
    if (!streams_[stream]->rings.next(cpu, at(stream, cpu).tail, run, &damaged)) return false;
    at(stream, cpu).tail = run.end;
    ++progress_.buffers_lost;
    progress_.written_off += count_records(run.records);
    return true;
}

bool Drain::make_room() {
    deliver();
    bool dropped = false;
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            const uint32_t pending = streams_[i]->rings.pending_blocks(cpu, at(i, cpu).tail);
            if (pending + 1 >= streams_[i]->rings.geometry().blocks) dropped |= drop_block(i, cpu);
        }
    }
    if (!dropped) return false;
    commit();
    publish_tails();
    return true;
}

void Drain::drop_rest() {
    deliver();
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            const uint32_t blocks = streams_[i]->rings.geometry().blocks;
            for (uint32_t n = 0; n < blocks && drop_block(i, cpu);) ++n;
        }
    }
    commit();
    publish_tails();
}

uint64_t Drain::full_blocks() const {
    if (keeps_records()) return 0;
    uint64_t full = 0;
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            const wire::RingPosition tail = progress_.streams[i].cpus[cpu].tail;
            full += streams_[i]->rings.pending_blocks(cpu, tail);
        }
    }
    return full;
}

template <class Enough>
bool Drain::any_ring_has(Enough enough) const {
    if (keeps_records()) return false;
    for (size_t i = 0; i < streams_.size(); ++i) {
        if (streams_[i] == nullptr) continue;
        const ring::RingSet& rings = streams_[i]->rings;
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            const wire::RingPosition tail = progress_.streams[i].cpus[cpu].tail;
            if (rings.pending_blocks(cpu, tail) >= enough(rings.geometry())) return true;
        }
    }
    return false;
}

bool Drain::has_half_full_ring() const {
    return any_ring_has([](const wire::RingGeometry& g) { return g.blocks / 2; });
}

bool Drain::has_enough_full_blocks() const {
    const uint64_t full = full_blocks();
    if (full == 0 || full >= saved_.properties.flush_threshold) return full != 0;
    return has_half_full_ring();
}

bool Drain::has_crowded_ring() const { return any_ring_has(crowded_at); }

uint64_t Drain::capacity() const {
    uint64_t bytes = 0;
    for (const auto& stream : streams_) {
        if (stream == nullptr) continue;
        const wire::RingGeometry& g = stream->rings.geometry();
        bytes += uint64_t{g.cpus} * g.blocks * g.block_size;
    }
    return bytes;
}

size_t Drain::passes_over_all() const {
    const size_t buffers = std::min(max_batch(), copies_allowed());
    return (saved_.geometry.cpus + buffers - 1) / buffers;
}

uint64_t Drain::events_lost() const {
    uint64_t lost = progress_.written_off;
    for (size_t i = 0; i < streams_.size(); ++i) {
        for (uint32_t cpu = 0; cpu < saved_.geometry.cpus; ++cpu) {
            const uint64_t known = progress_.streams[i].cpus[cpu].lost;
            lost += streams_[i] == nullptr ? known : std::max(known, streams_[i]->rings.lost(cpu));
        }
    }
    return lost;
}

uint64_t Drain::log_size() {
    if (!log_) return 0;
    const auto size = log_->file().size();
    return size ? *size : log_->position().next_offset;
}

etl::LogTotals Drain::totals() const {
    return {log_->position().buffers_written, events_lost() - progress_.events_lost_before,
            progress_.buffers_lost - progress_.buffers_lost_before,
            filetime_from_unix_ns(ring::sample_clocks().unix_ns)};
}

Status Drain::finish() {
    if (log_) return log_->finish(totals());
    return Ok{};
}

Status Drain::save_snapshot(UniqueFd file, const std::string& path) {
    collect(Depth::kAll);
    Snapshot snapshot{log_info(saved_, path), clock_, {}, events_lost()};
    for (const auto& stream : streams_) {
        if (stream != nullptr) snapshot.sources.push_back({&stream->rings, {}});
    }
    // What tells whose the events are has long been overwritten; told again in the session's rings,
    // it would overwrite what is to be saved.
    std::shared_ptr<Stream> running;
    if (source_ != nullptr) {
        ETW_TRY(running, source_->running());
        snapshot.sources.push_back({&running->rings, {}});
    }
    ETW_TRY(const SnapshotResult saved, write_snapshot(std::move(file), snapshot));
    static_cast<void>(saved);
    return Ok{};
}

Status Drain::switch_log(UniqueFd fd, const std::string& path, uint32_t number, bool ends_feed) {
    etl::LogTotals ended{};
    if (log_) {
        ended = totals();
        ETW_CHECK(log_->finish(ended));
    }
    ETW_TRY(const FileIdentity identity, identity_of(fd.get()));
    // Consumers that are there read up to where they are cut off; an old log has what waits.
    const bool takes_backlog = ends_feed && feed_ && consumers() == 0 && !log_;
    if (takes_backlog) ETW_CHECK(check_room(fd, backlog_size()));
    const Progress before = progress_;
    progress_.file = identity;
    progress_.path = path;
    progress_.file_number = number;
    progress_.begin = LogBegin::kReplace;
    // Each log tells what it lacks itself, so that the sum over a session's logs is what was lost.
    progress_.events_lost_before += ended.events_lost;
    progress_.buffers_lost_before += ended.buffers_lost;
    if (!takes_backlog) commit();  // which a successor would not put there
    const auto begin = [&]() -> Status {
        ETW_TRY(auto next, host::begin_log(std::move(fd), saved_, path, false));
        if (takes_backlog) ETW_CHECK(write_backlog(next));
        take_log(std::move(next));
        return Ok{};
    };
    const Status begun = begin();
    if (!begun) progress_ = before;
    // Here, or what came until then would be delivered and in the log.
    if (begun && ends_feed) end_feed(wire::DeliveryState::kCutOff);
    commit();
    if (begun) tell_kernel_state();
    return begun;
}

// Each log is to tell by itself whose its events are. But where that takes much of a -newfile
// session's log, the next one would be about nothing else, and so on for ever.
void Drain::tell_kernel_state() {
    constexpr uint64_t kShare = 4;
    const uint64_t limit = limit_bytes(saved_.properties);
    if (source_ == nullptr || (limit != 0 && kShare * told_bytes_ > limit)) return;
    told_bytes_ = source_->rundown();
}

}  // namespace etw::host
