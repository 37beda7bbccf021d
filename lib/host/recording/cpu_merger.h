// Merges the streams of one CPU by time, into buffers of the host's own memory.
//
// On one CPU the sections that commit records never overlap, whatever user they belong to, so their
// commits are in the order of their time stamps. Every record not later than an instant before the
// first head is looked at is therefore visible: merging up to that instant cannot miss one. What
// arrives late all the same (socket events, a counter that differs between CPUs by some ticks)
// gets its time raised to that of the record written before it: readers rely on the order of a
// CPU's buffers, and a moved stamp does less harm than a log they refuse.
#pragma once
#include "host/recording/record.h"
#include "host/session/session_clock.h"
#include "ring/ring_set.h"

#include <array>
#include <vector>

namespace etw::host {

// Copying one saves where it is; that is how the caller takes back a buffer it did not use.
class CpuMerger {
public:
    struct Input {
        const ring::RingSet* rings;
        wire::RingPosition tail;
    };
    struct Limits {
        int64_t until;  // counter: later records are not taken ...
        bool take_all;  // ... or, at the end of a session, are taken and stamped with `until`
    };

    CpuMerger(uint32_t cpu, const std::vector<Input>& inputs, const SessionClock& clock,
              int64_t last_raw, Limits limits);

    struct Filled {
        size_t size;  // bytes of records
        bool full;    // the next record did not fit; false: there is none
    };
    Filled fill(std::span<std::byte> out);

    wire::RingPosition tail(size_t input) const { return cursors_[input].tail(); }
    int64_t last_raw() const noexcept { return last_raw_; }
    // Places where records made no sense; the rest of their block was skipped.
    uint32_t damaged() const noexcept { return damaged_; }

private:
    struct Cursor {
        const ring::RingSet* rings;
        wire::RingPosition next_tail;  // behind `run`
        ring::Run run{};
        size_t pos = 0;  // in run.records, of the current record
        bool has_record = false;
        RecordShape shape{};
        int64_t time = 0;  // counter; of a record without one: its predecessor's
        std::array<std::byte, kRecordHeadSize> head{};  // the copy that was checked

        wire::RingPosition tail() const {
            return pos < run.records.size() ? run.begin + pos : next_tail;
        }
    };
    void load(Cursor& cursor);
    bool parse(Cursor& cursor);
    Cursor* earliest();
    void copy(Cursor& cursor, std::span<std::byte> out);

    uint32_t cpu_;
    SessionClock clock_;
    int64_t last_raw_;
    Limits limits_;
    uint32_t damaged_ = 0;
    std::vector<Cursor> cursors_;
};

}  // namespace etw::host
