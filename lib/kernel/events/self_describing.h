// Records of events that carry their own description (TraceLogging): what tracepoints and probes
// become that belong to no kernel class.
#pragma once
#include "etw/etl_format.h"
#include "kernel/events/record_builder.h"
#include "kernel/tracefs/format.h"

#include <string>
#include <vector>

namespace etw::kernel {

class SelfDescribing {
public:
    struct Name {
        Guid guid;
        std::string provider;
        std::string event;
        uint8_t level = 0;
        uint64_t keyword = 0;
    };
    SelfDescribing(const Name& name, std::vector<Member> members);

    void send(const RawEvent& event, RecordIds ids, RecordSink& sink) const;

private:
    void put(const RawEvent& event, const Member& member, std::vector<std::byte>& out) const;

    std::vector<Member> members_;
    std::vector<std::byte> head_;  // header and descriptions, the same for every event
    size_t room_ = 0;              // bytes that each field of varying size may have
};

}  // namespace etw::kernel
