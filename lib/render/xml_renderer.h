// The XML that tracerpt writes and that Windows' event schema describes: an Events element with an
// Event for each event, of System; EventData, DebugData (trace messages) or BinaryEventData (what
// nothing describes), with ProcessingErrorData behind it where not all could be decoded; and
// RenderingInfo. Times are in UTC. Well formed whatever the bytes.
#pragma once
#include "render/renderer.h"

namespace etw::render {

class XmlRenderer final : public Renderer {
public:
    explicit XmlRenderer(const RenderOptions& options);
    void render(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out) override;
    void begin(OutBuffer& out) const override;
    void end(OutBuffer& out) const override;

private:
    void append_system(const etl::Record& record, const decode::Event& event, int64_t time,
                       OutBuffer& out);
    void append_data(const etl::Record& record, const decode::Event& event, OutBuffer& out);
    void append_debug_data(const etl::Record& record, const decode::Event& event, OutBuffer& out);
    void append_fields_of(const decode::Event& event, OutBuffer& out);
    void append_error(const decode::Event& event, OutBuffer& out);
    void append_rendering(const etl::Record& record, const decode::Event& event, OutBuffer& out);
    void append_extended(const etl::Record& record, const decode::Event& event, OutBuffer& out);
    // "<name>escaped text</name>" of what `append` writes.
    template <class Append>
    void element(OutBuffer& out, std::string_view name, Append append);
    // What `append` writes, escaped.
    template <class Append>
    void escaped(OutBuffer& out, Append append);
    void message_text(const etl::Record& record, const decode::Event& event, OutBuffer& out) const;

    bool local_file_times_;
    std::shared_ptr<const AddressNames> names_;
    Encoding encoding_;
    ClockText clock_;
    OutBuffer text_;
};

}  // namespace etw::render
