// One line per event.
#pragma once
#include "render/text_line.h"

namespace etw::render {

class TextRenderer final : public Renderer {
public:
    explicit TextRenderer(const RenderOptions& options) : line_(options) {}
    void render(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out) override {
        line_.append(record, event, time, out);
        out.append('\n');
    }

private:
    TextLine line_;
};

}  // namespace etw::render
