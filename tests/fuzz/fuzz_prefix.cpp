// Any text as TRACE_FORMAT_PREFIX and as the conversions of a message: what compiles is applied to
// an event with a value of every format, and stays within the bounds of widths.
#include "described_record.h"
#include "render/message.h"
#include "render/prefix.h"

#include <cstdlib>
#include <string>

namespace {

using namespace etw;

// A message that converts `value` as `conversion` says, once for each format.
std::string message_text(std::string_view conversion, Bytes value) {
    constexpr auto kLast = size_t(decode::Format::kStruct);
    static decode::Field fields[kLast];
    decode::Message message;
    decode::Event event;
    for (size_t i = 0; i < kLast; ++i) {
        fields[i].format = decode::Format(i);
        event.items.push_back({decode::Item::Kind::kValue, 0, &fields[i], value});
        message.parts.push_back({decode::MessagePart::Kind::kValue, uint16_t(i), conversion});
    }
    event.message = &message;
    render::OutBuffer out;
    render::append_message(out, etl::Record(), event, render::Style::kBare);
    return std::string(out.view());
}

}  // namespace

// Input: u8 size of the value, the value, the text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t kMaxText = 1000;
    if (size == 0 || size > kMaxText) return 0;
    const size_t value_size = std::min<size_t>(data[0], size - 1);
    const auto* const bytes = reinterpret_cast<const std::byte*>(data + 1);
    const std::string text(reinterpret_cast<const char*>(data + 1 + value_size),
                           size - 1 - value_size);
    constexpr size_t kFormats = 32;
    constexpr size_t kMaxValue = 2048;  // a width, or a text of the longest value, and its marks
    const std::string message = message_text(text, Bytes(bytes, value_size));
    if (message.size() > kFormats * kMaxValue || !fuzz::is_valid_utf8(message)) std::abort();

    static render::ClockText clock(render::ClockText::Style::kPrefix, render::ClockText::Zone::kUtc,
                                   3);
    for (const bool sequence : {false, true}) {
        const auto prefix = render::Prefix::compile(text, sequence);
        if (!prefix) {
            if (prefix.error().where > text.size()) std::abort();
            continue;
        }
        render::OutBuffer out;
        render::append_prefix(out, *prefix, etl::Record(), decode::Event(), 0, clock);
        if (out.size() > (text.size() + 3) * render::Conversion::kMaxWidth) std::abort();
    }
    return 0;
}
