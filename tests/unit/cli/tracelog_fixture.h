// tracelog's commands against a host that has one provider and one session of it.
#pragma once
#include "cli/tracelog.h"
#include "fake_backend.h"
#include "tracelog_line.h"

namespace etw::cli {

constexpr char kGuid[] = "d58c126f-b309-11d1-969e-0000f875a5bc";

class TracelogCommands : public testing::Test {
protected:
    TracelogCommands() {
        backend_.status.properties.name = "A";
        backend_.status.logger_id = 2;
        backend_.status.events_seen_bytes = 100;
        session::RegisteredProvider there;
        there.guid = *parse_guid(kGuid);
        backend_.registered = {there};
    }

    TracelogReport run(CommandLine line) {
        const TracelogOptions asked = options(std::move(line));
        return run_tracelog(asked, backend_, ask_);
    }

    FakeBackend backend_;
    Ask ask_;
};

}  // namespace etw::cli
