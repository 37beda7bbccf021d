// Lines as Windows' tracefmt prints them, by its default prefix
// "[%9!d!]%8!04X!.%3!04X!::%4!s! [%1!s!]":
//
//   [0]0888.0D60::10/23/2003-12:27:40.173 [provider]EventName: a=1 b="text"
//
// Kernel events are "Class/Opcode: ..." by the provider "Class". What nothing describes reads
// "Unknown( 10): GUID=<guid> (No Format Information found)." and goes on with version, opcode and
// the payload in hexadecimal.
#pragma once
#include "render/renderer.h"

namespace etw::render {

class TextRenderer final : public Renderer {
public:
    explicit TextRenderer(const RenderOptions& options);
    void render(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out) override;

private:
    void append_prefix(const etl::Record& record, const decode::Event& event, int64_t time,
                       OutBuffer& out);
    void set_origin(const etl::Record& record);

    bool prefix_;
    ClockText clock_;
    // "[cpu]PID.TID::" of the last event.
    uint16_t cpu_ = 0;
    uint32_t process_id_ = 0, thread_id_ = 0;
    char origin_[40] = {};
    size_t origin_length_ = 0;
};

}  // namespace etw::render
