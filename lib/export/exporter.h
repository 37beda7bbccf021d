// What every way out of the log format has in common: events go in one by one, in order of time; a
// file comes out whole, or not at all.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"

#include <cstdint>
#include <string>

namespace etw::exports {

struct ExportEvent {
    const etl::Record& record;
    const decode::Event& event;
    int64_t time;  // Unix time in nanoseconds
    bool wanted;   // false: a filter left it out, and needs() asked for it
};

class Exporter {
public:
    virtual ~Exporter() = default;
    // Whether a record that a filter leaves out is needed to understand the others.
    virtual bool needs(const etl::Record& record) const = 0;
    virtual Status add(const ExportEvent& event) = 0;
    // Completes the output and gives it its name. Without it, nothing is left behind.
    virtual Status finish(uint64_t events_lost) = 0;
    // What became of the events, for people: whole lines.
    virtual std::string report() const = 0;
};

}  // namespace etw::exports
