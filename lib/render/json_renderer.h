// JSON lines: one object per event, in UTC. 64-bit integers are numbers; what JSON has no number
// for (hexadecimal, NaN) is a string. Members that an event has nothing for are left out.
#pragma once
#include "render/renderer.h"

namespace etw::render {

class JsonRenderer final : public Renderer {
public:
    JsonRenderer();
    void render(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out) override;

private:
    void append_head(const etl::Record& record, const decode::Event& event, int64_t time,
                     OutBuffer& out);
    ClockText clock_;
};

}  // namespace etw::render
