// Makes small Windows programs with resources, byte by byte.
#pragma once
#include "base/byte_writer.h"
#include "event_builder.h"

#include <map>
#include <string>
#include <variant>

namespace etw::decode::test {

// A compiled manifest of one provider with one event (id 7, version 1) of two fields.
inline ByteVector wevt_template() {
    ByteWriter out;
    std::map<std::string, size_t> patches;  // where the offset of a part has to go
    const auto tag = [&](const char* text) { out.append_text(std::string_view(text, 4)); };
    const auto later = [&](const std::string& part) {
        patches[part] = out.size();
        out.write(uint32_t{0});
    };
    ByteVector all;
    std::map<std::string, uint32_t> parts;
    const auto here = [&](const std::string& part) { parts[part] = uint32_t(out.size()); };
    const auto text = [&](const std::string& part, std::string_view value) {
        here(part);
        out.write(uint32_t(4 + 2 * (value.size() + 1)));
        put_utf16(out, value);
        out.write(char16_t{0});
    };

    tag("CRIM");
    out.write(uint32_t{0});
    out.write(uint16_t{5});
    out.write(uint16_t{1});
    out.write(uint32_t{1});
    out.write(kProvider);
    later("provider");
    here("provider");
    tag("WEVT");
    out.write(uint32_t{0});
    out.write(uint32_t{100});  // its message: the name
    out.write(uint32_t{5});
    const std::pair<const char*, uint32_t> lists[] = {
        {"task", 1}, {"keyword", 3}, {"event", 4}, {"maps", 6}, {"templates", 7}};
    for (const auto& [list, kind] : lists) {
        out.write(kind);
        later(list);
    }
    here("task");
    tag("TASK");
    for (const uint32_t word : {0u, 1u}) out.write(word);
    here("the task");
    for (const uint32_t word : {1u, 101u}) out.write(word);
    out.write(Guid{});
    later("task name");
    here("keyword");
    tag("KEYW");
    for (const uint32_t word : {0u, 1u}) out.write(word);
    here("the keyword");
    out.write(uint64_t{1});
    out.write(uint32_t{0xFFFFFFFF});
    later("keyword name");
    here("maps");
    tag("MAPS");
    for (const uint32_t word : {0u, 1u}) out.write(word);
    later("map");
    here("map");
    tag("VMAP");
    out.write(uint32_t{0});
    later("map name");
    for (const uint32_t word : {0u, 1u, 2u, 102u}) out.write(word);
    here("templates");
    tag("TTBL");
    for (const uint32_t word : {0u, 1u}) out.write(word);
    here("template");
    tag("TEMP");
    for (const uint32_t word : {0u, 2u, 2u}) out.write(word);
    later("properties");
    out.write(uint32_t{1});
    out.write(Guid{});
    here("properties");
    out.write(uint32_t{0});
    out.write(uint16_t{8});
    out.write(uint16_t{0});
    patches["map of a field"] = out.size();
    out.write(uint32_t{0});
    out.write(uint32_t{0});
    later("first");
    out.write(uint32_t{4});  // as long as the first field says
    out.write(uint16_t{14});
    out.write(uint16_t{0});
    for (const uint32_t word : {0u, 0u}) out.write(word);
    later("second");
    here("event");
    tag("EVNT");
    for (const uint32_t word : {0u, 1u, 0u}) out.write(word);
    out.write(wire::EventDescriptor{
        .id = 7, .version = 1, .level = 3, .opcode = 1, .task = 1, .keyword = 1});
    out.write(uint32_t{103});
    later("template");
    for (const uint32_t word : {0u, 0u}) out.write(word);
    patches["task of the event"] = out.size();
    out.write(uint32_t{0});
    out.write(uint32_t{1});
    later("keywords of the event");
    out.write(uint32_t{0});
    here("keywords of the event");
    later("the keyword");
    text("task name", "TaskName");
    text("keyword name", "k:Disk");
    text("map name", "Map");
    text("first", "Size");
    text("second", "Data");

    parts["map of a field"] = parts["map"];
    parts["task of the event"] = parts["the task"];
    all = out.take();
    for (const auto& [part, at] : patches) {
        std::memcpy(all.data() + at, &parts.at(part), sizeof(uint32_t));
    }
    return all;
}

// A message table with the texts in order from number `first` on.
inline ByteVector message_table(uint32_t first, const std::vector<std::string>& texts) {
    ByteWriter out;
    for (const uint32_t word : {1u, first, uint32_t(first + texts.size() - 1), 16u}) {
        out.write(word);
    }
    for (const std::string& text : texts) {
        out.write(uint16_t(4 + 2 * (text.size() + 1)));
        out.write(uint16_t{1});
        put_utf16(out, text);
        out.write(char16_t{0});
    }
    return out.take();
}

// One resource of each type, 64-bit. A type is a number or a name.
inline ByteVector pe_file(
    const std::vector<std::pair<std::variant<uint16_t, std::string>, ByteVector>>& resources) {
    constexpr uint32_t kSectionAt = 0x200, kAddress = 0x1000, kHighBit = 0x80000000;
    const auto count = uint32_t(resources.size());
    // The directory: one of types, then for each type one of names and one of languages, then its
    // leaf; texts and data behind all of them.
    const uint32_t types_size = 16 + 8 * count, each = 24 + 24 + 16;
    ByteWriter section, tail;
    const uint32_t tail_at = types_size + count * each;
    const auto directory = [&](uint16_t named, uint16_t numbered) {
        for (int i = 0; i < 3; ++i) section.write(uint32_t{0});
        section.write(named);
        section.write(numbered);
    };
    directory(0, uint16_t(count));
    for (uint32_t i = 0; i < count; ++i) {
        if (const auto* number = std::get_if<uint16_t>(&resources[i].first)) {
            section.write(uint32_t{*number});
        } else {
            const auto& name = std::get<std::string>(resources[i].first);
            section.write(uint32_t(tail_at + tail.size()) | kHighBit);
            tail.write(uint16_t(name.size()));
            put_utf16(tail, name);
        }
        section.write(uint32_t(types_size + i * each) | kHighBit);
    }
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t at = types_size + i * each;
        directory(0, 1);
        section.write(uint32_t{1});
        section.write(uint32_t(at + 24) | kHighBit);
        directory(0, 1);
        section.write(uint32_t{0x409});
        section.write(uint32_t{at + 48});
        section.write(uint32_t(kAddress + tail_at + tail.size()));
        section.write(uint32_t(resources[i].second.size()));
        section.write(uint64_t{0});
        tail.append(resources[i].second);
    }
    section.append(tail.bytes());

    ByteWriter out;
    out.append_text("MZ");
    while (out.size() < 0x3C) out.write(uint8_t{0});
    out.write(uint32_t{0x40});
    out.append_text(std::string_view("PE\0\0", 4));
    out.write(uint16_t{0x8664});
    out.write(uint16_t{1});
    for (int i = 0; i < 3; ++i) out.write(uint32_t{0});
    out.write(uint16_t{112 + 16 * 8});
    out.write(uint16_t{0});
    const size_t optional_at = out.size();
    out.write(uint16_t{0x20B});
    while (out.size() < optional_at + 108) out.write(uint8_t{0});
    out.write(uint32_t{16});
    for (uint32_t i = 0; i < 16; ++i) {
        out.write(i == 2 ? kAddress : uint32_t{0});
        out.write(i == 2 ? uint32_t(section.size()) : uint32_t{0});
    }
    out.append_text(std::string_view(".rsrc\0\0\0", 8));
    for (const uint32_t word : {uint32_t(section.size()), kAddress, uint32_t(section.size()),
                                kSectionAt, 0u, 0u, 0u, 0u}) {
        out.write(word);
    }
    while (out.size() < kSectionAt) out.write(uint8_t{0});
    out.append(section.bytes());
    return out.take();
}

inline ByteVector program_with_manifest() {
    return pe_file({{uint16_t{11},
                     message_table(100, {"My-Provider", "Task text", "Two\r\n", "Size %1!d!%n"})},
                    {std::string("WEVT_TEMPLATE"), wevt_template()}});
}

}  // namespace etw::decode::test
