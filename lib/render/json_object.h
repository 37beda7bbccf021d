// An event as a JSON object, in UTC: what its header says, as options.json_meta asks, then its
// fields. 64-bit integers are numbers; what JSON has no number for (hexadecimal, NaN) is a string.
// Members that an event has nothing for are left out.
#pragma once
#include "render/renderer.h"

namespace etw::render {

class JsonObject {
public:
    explicit JsonObject(const RenderOptions& options);
    void append(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out);

private:
    void append_names(const etl::Record& record, const decode::Event& event, OutBuffer& out) const;
    void append_origin(const etl::Record& record, int64_t time, OutBuffer& out);
    void append_descriptor(const etl::Record& record, const decode::Event& event,
                           OutBuffer& out) const;
    void append_activities(const etl::Record& record, const decode::Event& event,
                           OutBuffer& out) const;
    void append_times(const etl::Record& record, OutBuffer& out) const;
    void append_text(const etl::Record& record, const decode::Event& event, OutBuffer& out);
    bool shows(uint32_t meta) const noexcept { return (meta_ & meta) != 0; }

    uint32_t meta_;
    bool local_file_times_;
    std::shared_ptr<const AddressNames> names_;
    ClockText clock_;
    OutBuffer text_;
};

}  // namespace etw::render
