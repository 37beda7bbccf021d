#include "tmf/tmf_reader.h"

#include "base/file.h"
#include "tmf/text_encoding.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace etw::tmf {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

std::string_view trim(std::string_view text) {
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_word(std::string_view& text) {
    text = trim(text);
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    text = trim(text.substr(word.size()));
    return word;
}

bool is_word_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

template <class T>
std::optional<T> number(std::string_view text, int base = 10) {
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// As C has it: 0x before hexadecimal digits, a minus before either.
std::optional<uint64_t> any_number(std::string_view digits) {
    const bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
    const auto value = number<uint64_t>(hex ? digits.substr(2) : digits, hex ? 16 : 10);
    if (!value) return std::nullopt;
    return negative ? uint64_t{0} - *value : *value;
}

// The value of `KEY=` in a trailing comment, up to the next key: flags can be several words.
std::string comment_value(std::string_view comment, std::string_view key,
                          std::initializer_list<std::string_view> keys) {
    const auto find_key = [&](std::string_view wanted, size_t from) {
        for (size_t at = comment.find(wanted, from); at != comment.npos;
             at = comment.find(wanted, at + 1)) {
            if (at == 0 || !is_word_character(comment[at - 1])) return at;
        }
        return comment.npos;
    };
    const size_t at = find_key(key, 0);
    if (at == comment.npos) return {};
    const size_t start = at + key.size();
    size_t end = comment.size();
    for (const std::string_view other : keys) end = std::min(end, find_key(other, start));
    return std::string(trim(comment.substr(start, end - start)));
}

// Where the quote is that closes the text: the last one that only a comment may follow.
size_t closing_quote(std::string_view text) {
    for (size_t at = text.rfind('"'); at != text.npos && at != 0; at = text.rfind('"', at - 1)) {
        const std::string_view rest = trim(text.substr(at + 1));
        if (rest.empty() || rest.starts_with("//")) return at;
    }
    return text.npos;
}

// "... -- 10": takes the index off. What follows `//` there is the same to old files.
std::optional<uint16_t> take_index(std::string_view& text) {
    const size_t digits = text.find_last_not_of("0123456789");
    if (digits == text.npos || digits + 1 == text.size()) return std::nullopt;
    const std::string_view before = trim(text.substr(0, digits + 1));
    if (!before.ends_with("--") && !before.ends_with("//")) return std::nullopt;
    const auto index = number<uint16_t>(text.substr(digits + 1));
    if (index) text = trim(before.substr(0, before.size() - 2));
    return index;
}

// "...(a,b)": takes the parenthesis off and returns what it holds.
std::optional<std::string_view> take_parenthesis(std::string_view& text) {
    if (!text.ends_with(')')) return std::nullopt;
    int depth = 0;
    for (size_t at = text.size(); at-- > 0;) {
        if (text[at] == ')') ++depth;
        if (text[at] != '(' || --depth != 0) continue;
        const std::string_view inner = text.substr(at + 1, text.size() - at - 2);
        text = trim(text.substr(0, at));
        return inner;
    }
    return std::nullopt;
}

constexpr size_t kBitsOfSet = 64;
// Of what a GUID's line says: each of its messages has a copy.
constexpr size_t kLongestName = 1024;

// As in C, a name may say its value ("Unspecified=0x0"), and those behind it count on from there.
// In a set the values are numbers of bits.
std::vector<NamedValue> listed_names(std::string_view list, bool bits) {
    std::vector<NamedValue> out;
    for (uint64_t next = 0;; ++next) {
        const size_t comma = std::min(list.find(','), list.size());
        std::string_view name = trim(list.substr(0, comma));
        const size_t equals = std::min(name.find('='), name.size());
        if (equals != name.size()) {
            const auto value = any_number(trim(name.substr(equals + 1)));
            if (value) next = *value;
            if (value) name = trim(name.substr(0, equals));
        }
        if (bits && next >= kBitsOfSet) break;
        out.push_back({bits ? uint64_t{1} << next : next, std::string(name)});
        if (comma == list.size()) break;
        list.remove_prefix(comma + 1);
    }
    return out;
}

}  // namespace

void TmfReader::line(std::string_view raw) {
    ++line_;
    const std::string_view text = trim(raw);
    if (text.empty()) return;
    switch (inside_) {
        case Inside::kMessage:
        case Inside::kEnumeration:
            if (text.starts_with("//")) return;
            if (text == "{") {
                inside_ = inside_ == Inside::kMessage ? Inside::kArguments : Inside::kValues;
                return;
            }
            close();  // it has no block
            return outer_line(text);
        case Inside::kArguments:
            if (text == "}") return close();
            if (text.starts_with('#')) {
                skip("the block before has no }");
                close();
                return outer_line(text);
            }
            return argument_line(text);
        case Inside::kValues:
            if (text == "}") return close();
            return value_line(text);
        case Inside::kNothing:
            return outer_line(text);
    }
}

void TmfReader::outer_line(std::string_view text) {
    if (text.starts_with("//")) return;
    if (text.starts_with('#')) {
        const std::string_view word = take_word(text);
        if (word == "#typev" || word == "#type") return message_line(text);
        if (word == "#enumv" || word == "#enum") {
            enumeration_ = text;
            inside_ = Inside::kEnumeration;
            return;
        }
        return skip("unknown directive");
    }
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    const auto guid = parse_guid(word);
    if (!guid) return skip("neither a message GUID nor a message");
    guid_line(*guid, trim(text.substr(word.size())));
}

void TmfReader::guid_line(const Guid& guid, std::string_view rest) {
    const auto keys = {std::string_view("SRC="), std::string_view("MJ="), std::string_view("MN=")};
    const size_t comment_at = std::min(rest.find("//"), rest.size());
    const std::string_view comment = rest.substr(comment_at);
    head_ = {};
    head_.guid = guid;
    head_.component = trim(rest.substr(0, comment_at)).substr(0, kLongestName);
    head_.source = comment_value(comment, "SRC=", keys).substr(0, kLongestName);
    head_.major = comment_value(comment, "MJ=", keys).substr(0, kLongestName);
    head_.minor = comment_value(comment, "MN=", keys).substr(0, kLongestName);
    has_guid_ = true;
}

void TmfReader::message_line(std::string_view rest) {
    const auto keys = {std::string_view("LEVEL="), std::string_view("FLAGS="),
                       std::string_view("FUNC=")};
    // A block that follows belongs to this line, also where the line is of no use.
    inside_ = Inside::kMessage;
    message_ = head_;
    message_.name = take_word(rest);
    const std::string_view digits = take_word(rest);
    const auto n = number<uint16_t>(digits);
    const size_t end = closing_quote(rest);
    const bool quoted = rest.starts_with('"');
    const char* wrong = nullptr;
    if (!has_guid_) wrong = "message without a message GUID before it";
    if (!n) wrong = "message without a number";
    if (quoted && end == rest.npos) wrong = "text without a closing quote";
    if (!rest.empty() && !quoted && !rest.starts_with("//")) wrong = "text without quotes";
    if (wrong != nullptr) {
        message_.name.clear();  // marks it as one that is not kept
        return skip(wrong);
    }
    message_.number = *n;
    if (quoted) {
        message_.text = rest.substr(1, end - 1);
        rest = rest.substr(end + 1);
    }
    message_.level = comment_value(rest, "LEVEL=", keys);
    message_.flags = comment_value(rest, "FLAGS=", keys);
    message_.function = comment_value(rest, "FUNC=", keys);
}

void TmfReader::argument_line(std::string_view text) {
    Argument out;
    out.index = uint16_t(kFirstArgument + message_.arguments.size());
    if (const auto index = take_index(text)) out.index = *index;
    const auto list = take_parenthesis(text);
    const auto not_word = std::find_if_not(text.rbegin(), text.rend(), is_word_character);
    const auto type_at = size_t(text.rend() - not_word);
    const std::string_view before = trim(text.substr(0, type_at));
    if (type_at == text.size() || !before.ends_with(',')) {
        return skip("argument without a type");
    }
    out.type = text.substr(type_at);
    out.expression = trim(before.substr(0, before.size() - 1));
    if (list && (out.type == "ItemEnum" || out.type == "ItemFlagsEnum")) {
        out.enumeration = trim(*list);
    } else if (list) {
        out.names = listed_names(*list, out.type.starts_with("ItemSet"));
    }
    message_.arguments.push_back(std::move(out));
}

void TmfReader::value_line(std::string_view text) {
    const size_t comma = text.rfind(',');
    const auto value = comma == text.npos ? std::nullopt : any_number(trim(text.substr(comma + 1)));
    if (!value) return skip("name without a value");
    enumerations_[enumeration_].push_back({*value, std::string(trim(text.substr(0, comma)))});
}

void TmfReader::close() {
    if ((inside_ == Inside::kMessage || inside_ == Inside::kArguments) && !message_.name.empty()) {
        pending_.push_back(std::move(message_));
    }
    inside_ = Inside::kNothing;
}

void TmfReader::end_piece() {
    if (inside_ == Inside::kArguments || inside_ == Inside::kValues) {
        skip("the last block has no }");
    }
    close();
    has_guid_ = false;
    head_ = {};
}

void TmfReader::end_text() {
    end_piece();
    size_t room = kMaxCopiedNames;
    for (MessageFormat& format : pending_) {
        for (Argument& argument : format.arguments) {
            const auto names = enumerations_.find(argument.enumeration);
            if (names == enumerations_.end()) continue;
            const size_t size = size_of(names->second);
            if (size > room) continue;
            argument.names = names->second;
            room -= size;
        }
        messages_.add(std::move(format));
    }
    pending_.clear();
    enumerations_.clear();
}

std::set<std::string, std::less<>> TmfReader::named_enumerations() const {
    std::set<std::string, std::less<>> out;
    for (const MessageFormat& format : pending_) {
        for (const Argument& argument : format.arguments) {
            if (!argument.enumeration.empty()) out.insert(argument.enumeration);
        }
    }
    return out;
}

void TmfReader::add_enumeration(const std::string& name, std::vector<NamedValue> values) {
    enumerations_.emplace(name, std::move(values));
}

void TmfReader::skip(const char* reason) { skipped_.push_back({line_, reason}); }

TmfText read_tmf(Bytes file) {
    const std::string all = text_of_file(file);
    TmfReader reader;
    for (std::string_view rest = all; !rest.empty();) {
        const size_t end = std::min(rest.find('\n'), rest.size());
        reader.line(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    reader.end_text();
    return {reader.take(), reader.skipped()};
}

Result<TmfText> read_tmf_file(const std::string& path) {
    constexpr size_t kMaxSize = size_t{256} << 20;
    ETW_TRY(const auto file, read_file(path, kMaxSize));
    return read_tmf(file);
}

}  // namespace etw::tmf
