// Events with texts and named values, as decoders of manifests and trace messages give them.
#pragma once
#include "../decode/event_builder.h"
#include "etw/event.h"

#include <deque>

namespace etw::render::test {

// Owns what its event views.
class Described {
public:
    Described() {
        record.type = wire::HeaderType::kEvent64;
        record.process_id = 0xAF4;
        record.thread_id = 0xC64;
        record.provider = decode::test::kProvider;
        event.provider = "Provider";
        event.name = "Event";
    }
    Described(const Described&) = delete;
    Described& operator=(const Described&) = delete;

    template <class T>
    Described& value(std::string_view name, decode::Format format, T value,
                     const decode::ValueMap* map = nullptr) {
        std::vector<std::byte> copy(sizeof(value));
        std::memcpy(copy.data(), &value, sizeof(value));
        return add(name, format, std::move(copy), map);
    }
    Described& text(std::string_view name, std::string_view value) {
        const auto* const begin = reinterpret_cast<const std::byte*>(value.data());
        return add(name, decode::Format::kUtf8, {begin, begin + value.size()}, nullptr);
    }
    Described& say(std::string_view text) {
        return part(decode::MessagePart::Kind::kText, 0, text);
    }
    Described& insert(uint16_t number, std::string_view conversion = "") {
        return part(decode::MessagePart::Kind::kValue, number, conversion);
    }
    Described& part(decode::MessagePart::Kind kind, uint16_t value = 0,
                    std::string_view text = "") {
        message.parts.push_back({kind, value, text});
        event.message = &message;
        return *this;
    }
    // Makes it a trace message of tracedrv.
    Described& trace_message() {
        record.type = wire::HeaderType::kMessage;
        record.message_flags = wire::kMessageSequence | wire::kMessageGuid;
        record.message_sequence = 0x4EA4;
        record.descriptor.id = 10;
        message.component = "tracedrv";
        message.source = "tracedrv_c258";
        message.function = "Func";
        message.level = "TRACE_LEVEL_ERROR";
        message.flags = "FLAG_ONE";
        event.message = &message;
        return *this;
    }

    etl::Record record;
    decode::Event event;
    decode::Message message;

private:
    Described& add(std::string_view name, decode::Format format, std::vector<std::byte> bytes,
                   const decode::ValueMap* map) {
        decode::Field& field = fields_.emplace_back();
        field.name = name;
        field.format = format;
        field.map = map;
        bytes_.push_back(std::move(bytes));
        event.items.push_back({decode::Item::Kind::kValue, 0, &field, bytes_.back()});
        return *this;
    }

    std::deque<decode::Field> fields_;
    std::deque<std::vector<std::byte>> bytes_;
};

}  // namespace etw::render::test
