#include "host/recording/cpu_merger.h"

#include <algorithm>

namespace etw::host {

CpuMerger::CpuMerger(uint32_t cpu, const std::vector<Input>& inputs, const SessionClock& clock,
                     int64_t last_raw, Limits limits)
    : cpu_(cpu), clock_(clock), last_raw_(last_raw), limits_(limits) {
    cursors_.reserve(inputs.size());
    for (const Input& input : inputs) {
        Cursor cursor{};
        cursor.rings = input.rings;
        cursor.next_tail = input.tail;
        load(cursor);
        cursors_.push_back(cursor);
    }
}

// Makes the record at `pos`, or the first one behind it that makes sense, the current one.
void CpuMerger::load(Cursor& cursor) {
    cursor.has_record = false;
    // A hostile ring could be found damaged forever; the next pass may go on where this one stops.
    uint32_t budget = cursor.rings->geometry().blocks;
    while (true) {
        if (cursor.pos < cursor.run.records.size()) {
            if (parse(cursor)) return;
            ++damaged_;
        }
        if (budget-- == 0) break;
        bool damaged = false;
        cursor.pos = 0;
        cursor.run.records = {};
        if (!cursor.rings->next(cpu_, cursor.next_tail, cursor.run, &damaged)) break;
        if (damaged) ++damaged_;
        cursor.next_tail = cursor.run.end;
    }
    cursor.run.records = {};
}

// Works on a copy of the record's head: the ring's may change under our hands.
bool CpuMerger::parse(Cursor& cursor) {
    const Bytes rest = cursor.run.records.subspan(cursor.pos);
    const size_t size = std::min(rest.size(), cursor.head.size());
    std::memcpy(cursor.head.data(), rest.data(), size);
    const auto shape = shape_of(Bytes(cursor.head).first(size), rest.size());
    if (!shape) {
        cursor.pos = cursor.run.records.size();
        return false;
    }
    cursor.shape = *shape;
    if (shape->time_offset != 0) {
        std::memcpy(&cursor.time, cursor.head.data() + shape->time_offset, sizeof(int64_t));
    }
    cursor.has_record = true;
    return true;
}

CpuMerger::Cursor* CpuMerger::earliest() {
    Cursor* best = nullptr;
    for (Cursor& cursor : cursors_) {
        if (!cursor.has_record) continue;
        if (cursor.time > limits_.until && !limits_.take_all) continue;
        if (best == nullptr || cursor.time < best->time) best = &cursor;
    }
    return best;
}

void CpuMerger::copy(Cursor& cursor, std::span<std::byte> out) {
    const Bytes record = cursor.run.records.subspan(cursor.pos, cursor.shape.size);
    std::memcpy(out.data(), record.data(), record.size());
    std::memcpy(out.data(), cursor.head.data(), std::min(record.size(), cursor.head.size()));
    std::fill(out.begin() + ptrdiff_t(record.size()), out.end(), std::byte{0});
    const int64_t time = std::min(cursor.time, limits_.until);
    last_raw_ = std::max(last_raw_, clock_.to_raw(time));
    if (cursor.shape.time_offset != 0) {
        std::memcpy(out.data() + cursor.shape.time_offset, &last_raw_, sizeof(last_raw_));
    }
}

CpuMerger::Filled CpuMerger::fill(std::span<std::byte> out) {
    size_t used = 0;
    while (Cursor* cursor = earliest()) {
        const size_t size = wire::align8(size_t{cursor->shape.size});
        if (size > out.size() - used) return {used, true};
        copy(*cursor, out.subspan(used, size));
        used += size;
        cursor->pos += size;
        load(*cursor);
    }
    return {used, false};
}

}  // namespace etw::host
