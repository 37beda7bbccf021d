// Writes one JSON document into a string.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace etw::cli {

// Calls nest as the document does; each element of an object is a key() and then its value.
// Text that is not UTF-8 gets U+FFFD in place of each byte that is not.
class JsonWriter {
public:
    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& text(std::string_view value);
    JsonWriter& number(uint64_t value);
    JsonWriter& signed_number(int64_t value);
    JsonWriter& boolean(bool value);
    JsonWriter& hex(uint64_t value);  // "0x1f": keywords do not fit a double

    std::string take() { return std::move(out_); }

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void before_value();
    void append_string(std::string_view value);

    std::string out_;
    bool first_ = true;       // nothing yet on this level
    bool after_key_ = false;  // the next value belongs to a key
};

}  // namespace etw::cli
