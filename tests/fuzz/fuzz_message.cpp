// Any TMF text and any payload: each message compiles, and its decoded event holds together.
#include "decode/message_program.h"
#include "event_invariants.h"
#include "tmf/tmf_reader.h"

using namespace etw;

// Input: u16 size of the text, the text, the payload.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2 || size > 60'000) return 0;
    const Bytes bytes = std::as_bytes(std::span(data + 2, size - 2));
    const size_t text_size = std::min<size_t>(size_t(data[0] | data[1] << 8), bytes.size());
    const Bytes payload = bytes.subspan(text_size);
    const tmf::TmfText text = tmf::read_tmf(bytes.first(text_size));
    decode::Event event;
    for (const auto& [key, format] : text.messages.formats()) {
        decode::MessageProgram program;
        decode::compile_message(format, program);
        for (const bool is_64_bit : {false, true}) {
            decode::walk(is_64_bit ? program.program_64 : program.program_32, payload, is_64_bit,
                         event);
            fuzz::check(payload, event);
        }
    }
    return 0;
}
