// Values separated by commas, as RFC 4180 has them: columns of the event's header, then the line of
// the text output as the last one.
#pragma once
#include "render/text_line.h"

namespace etw::render {

class CsvRenderer final : public Renderer {
public:
    explicit CsvRenderer(const RenderOptions& options);
    void render(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out) override;
    void begin(OutBuffer& out) const override;

private:
    void append_text(std::string_view text, OutBuffer& out) const;
    template <class Append>
    void column(OutBuffer& out, Append append);

    bool header_, quote_all_;
    TextLine line_;
    ClockText clock_;
    OutBuffer column_;
};

}  // namespace etw::render
