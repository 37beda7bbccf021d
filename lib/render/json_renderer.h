// JSON lines: one object per event.
#pragma once
#include "render/json_object.h"

namespace etw::render {

class JsonRenderer final : public Renderer {
public:
    explicit JsonRenderer(const RenderOptions& options) : object_(options) {}
    void render(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out) override {
        object_.append(record, event, time, out);
        out.append('\n');
    }

private:
    JsonObject object_;
};

}  // namespace etw::render
