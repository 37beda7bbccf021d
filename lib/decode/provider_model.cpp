#include "decode/provider_model.h"

#include "decode/schema.h"

#include <algorithm>

namespace etw::decode {

std::string clean_label(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
    text.remove_prefix(begin);
    text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    return clean_text(text);
}

void sort_names(ValueMap& map) {
    const auto by_value = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::stable_sort(map.names.begin(), map.names.end(), by_value);
    const auto same_value = [](const auto& a, const auto& b) { return a.first == b.first; };
    map.names.erase(std::unique(map.names.begin(), map.names.end(), same_value), map.names.end());
}

size_t size_of(const EventModel& event) noexcept {
    size_t size = sizeof(event) + event.symbol.size() + event.level.size() + event.task.size() +
                  event.opcode.size() + event.channel.size() + event.message.size();
    for (const std::string& keyword : event.keywords) size += sizeof(keyword) + keyword.size();
    if (event.fields == nullptr) return size;
    // A template that several events have counts for each of them: that errs on the safe side.
    for (const FieldModel& field : event.fields->fields) size += sizeof(field) + field.name.size();
    return size;
}

}  // namespace etw::decode
