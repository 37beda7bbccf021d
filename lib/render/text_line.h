// The text of an event as one line, as Windows' tracefmt prints it: the prefix, by default
// "[%9!d!]%8!04X!.%3!04X!::%4!s! [%1!s!]", and what the event says:
//
//   [0]0888.0D60::10/23/2003-12:27:40.173 [provider]EventName: a=1 b="text"
//   [0]0888.0D60::10/23/2003-12:27:40.173 [component]The text of a message with its values
//
// Kernel events are "Class/Opcode: ..." by the provider "Class". What nothing describes reads
// "Unknown( 10): GUID=<guid> (No Format Information found)." and goes on with version, opcode and
// the payload in hexadecimal.
#pragma once
#include "render/json_object.h"
#include "render/renderer.h"

#include <array>

namespace etw::render {

class TextLine {
public:
    explicit TextLine(const RenderOptions& options);
    // Without a line feed.
    void append(const etl::Record& record, const decode::Event& event, int64_t time,
                OutBuffer& out);

private:
    void append_default_prefix(const etl::Record& record, const decode::Event& event, int64_t time,
                               OutBuffer& out);
    // "[cpu]PID.TID::" of the last event of some processors: a processor's events come in runs.
    struct Origin {
        uint16_t cpu = 0;
        uint32_t process_id = 0, thread_id = 0;
        size_t length = 0;  // 0: of none
        std::array<char, 40> text{};

        void set(const etl::Record& record);
    };
    static constexpr size_t kOrigins = 16;

    void append_event(const etl::Record& record, const decode::Event& event, OutBuffer& out) const;

    bool prefix_, local_file_times_, prefer_json_;
    std::shared_ptr<const Prefix> custom_prefix_;
    std::shared_ptr<const AddressNames> names_;
    ClockText clock_;
    JsonObject json_;
    std::array<Origin, kOrigins> origins_;  // by processor
};

}  // namespace etw::render
