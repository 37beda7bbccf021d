// One line per event. A renderer keeps the text of what recurs, so each thread has its own; what it
// writes depends on the event alone.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/clock_text.h"
#include "render/out_buffer.h"

#include <memory>

namespace etw::render {

enum class Format : uint8_t { kText, kJson };

struct RenderOptions {
    Format format = Format::kText;
    bool prefix = true;            // text only
    bool high_resolution = false;  // text only: 7 digits of the second, not 3
    bool utc = false;              // text only: JSON is always in UTC
};

class Renderer {
public:
    virtual ~Renderer() = default;
    // Appends the line and its line feed. `time` is the record's, as FILETIME.
    virtual void render(const etl::Record& record, const decode::Event& event, int64_t time,
                        OutBuffer& out) = 0;
};

std::unique_ptr<Renderer> make_renderer(const RenderOptions& options);

}  // namespace etw::render
