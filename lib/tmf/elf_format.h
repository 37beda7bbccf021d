// From the format string of a source and the types of its values to the text and the items of a
// trace message format.
#pragma once
#include "tmf/message_format.h"

#include <map>
#include <optional>
#include <string_view>

namespace etw::tmf {

// Names that an integer stands for, as WPP_CUSTOM_TYPE gives them.
struct List {
    bool set = false;  // names are bits
    std::vector<NamedValue> names;
};
using Lists = std::map<std::string, List, std::less<>>;

// "ItemListLong(Idle, Running)", "ItemSetByte(Read, Write)". Nothing: it is none.
std::optional<List> parse_list(std::string_view definition);

// Types of a message's values: numbers of five bits, six in a word.
struct ValueTypes {
    const void* words;  // u32, not aligned
    uint8_t count;

    uint32_t operator[](size_t index) const noexcept;
};

class FormatWriter {
public:
    // `file` and `line` are where the message stands, for %!FILE! and %!LINE!.
    FormatWriter(const Lists& lists, std::string_view file, uint32_t line)
        : lists_(lists), file_(file), line_(line) {}

    // Fills in text and arguments. `raw` is the call's list of arguments, the format included.
    // False: the types do not fit the format.
    bool write(std::string_view format, const ValueTypes& types, std::string_view raw,
               MessageFormat& out);

private:
    bool insert(std::string_view& rest);
    bool insert_name(std::string_view name);
    bool insert_value(std::string_view conversion, Argument argument);

    const Lists& lists_;
    std::string_view file_;
    uint32_t line_;
    ValueTypes types_{};
    std::vector<std::string> expressions_;
    MessageFormat* out_ = nullptr;
};

}  // namespace etw::tmf
