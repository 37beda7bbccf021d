#pragma once
#include "etw/log_reader.h"

namespace etw::etl {

// Counts what was found wrong and keeps the words for the first of it.
class DamageLog {
public:
    void buffer(uint64_t offset, uint64_t bytes, const char* what) {
        ++damage_.buffers;
        damage_.bytes += bytes;
        note("buffer", offset, what);
    }
    void record(uint64_t buffer_offset, uint64_t bytes, const char* what) {
        ++damage_.records;
        damage_.bytes += bytes;
        note("record in buffer", buffer_offset, what);
    }
    const Damage& total() const noexcept { return damage_; }

private:
    void note(const char* unit, uint64_t offset, const char* what);
    Damage damage_;
};

}  // namespace etw::etl
