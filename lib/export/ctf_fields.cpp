#include "export/ctf_fields.h"

#include "export/value_text.h"
#include "render/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace etw::exports {
namespace {

using decode::Field;
using decode::Format;
using decode::Item;

// The signature is a text of the types: members one after the other, each a dot, its name, a NUL
// and a type. A type is one of these letters with a size digit behind those of numbers; a list is [
// and the type of its elements; a struct { members }.
constexpr char kMember = '.', kUnsigned = 'u', kSigned = 'i', kHex = 'x', kBool = 'b', kPort = 'p',
               kFloat = 'f', kText = 's', kBytes = 'B', kList = '[', kStruct = '{',
               kStructEnd = '}';

bool is_number_size(size_t size) { return size == 1 || size == 2 || size == 4 || size == 8; }

// The letter of a field whose values have `size` bytes.
char type_of(const Field& field, size_t size) {
    const Format format = field.format;
    if (field.map != nullptr) return kText;  // its values have names
    if (format == Format::kBinary) return kBytes;
    if (format == Format::kFloat) return size == 4 || size == 8 ? kFloat : kBytes;
    if (format == Format::kPort) return size == 2 ? kPort : kBytes;
    if (!is_number_size(size)) return kText;
    switch (format) {
        case Format::kUnsigned:
        case Format::kWin32Error:
            return kUnsigned;
        case Format::kSigned:
            return kSigned;
        case Format::kHex:
        case Format::kStatus:
            return kHex;
        case Format::kBool:
            return kBool;
        default:
            return kText;
    }
}

// Where the array or struct that begins at `at` ends: behind its last item.
size_t end_of(std::span<const Item> items, size_t at) {
    int depth = 0;
    for (size_t i = at; i < items.size(); ++i) {
        switch (items[i].kind) {
            case Item::Kind::kArrayBegin:
            case Item::Kind::kStructBegin:
                ++depth;
                break;
            case Item::Kind::kArrayEnd:
            case Item::Kind::kStructEnd:
                if (--depth == 0) return i + 1;
                break;
            default:
                break;
        }
    }
    return items.size();
}

// CTF strings end at their NUL.
void write_text(ByteWriter& out, std::string text) {
    for (size_t at = 0; (at = text.find('\0', at)) != std::string::npos; ++at) {
        text.replace(at, 1, "\uFFFD");
    }
    out.append_text(text);
    out.write(uint8_t{0});
}

// Reads a signature and writes TSDL.
class Declarer {
public:
    explicit Declarer(std::string_view signature) : rest_(signature) {}

    std::string members(int depth) {
        std::string out;
        std::set<std::string> taken;
        while (rest_.starts_with(kMember)) {
            out += member(unique(take_name(), taken), depth, taken);
        }
        return out;
    }

private:
    std::string take_name() {
        const size_t end = rest_.find('\0');
        const std::string name(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return name;
    }
    char take() {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    // An identifier; the underscore before it keeps keywords out, and readers leave it away.
    static std::string unique(std::string_view name, std::set<std::string>& taken) {
        std::string base = "_";
        for (const char c : name) {
            const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_';
            base += fits ? c : '_';
        }
        if (base.size() == 1) base += "unnamed";
        std::string out = base;
        for (int n = 2; !taken.insert(out).second; ++n) out = fmt::format("{}_{}", base, n);
        return out;
    }

    std::string member(const std::string& name, int depth, std::set<std::string>& taken) {
        const std::string indent(size_t(depth) * 4, ' ');
        if (rest_.front() != kList && rest_.front() != kBytes) {
            return fmt::format("{}{} {};\n", indent, type(depth), name);
        }
        const bool bytes = take() == kBytes;
        const std::string length = unique(name.substr(1) + "_length", taken);
        return fmt::format("{0}uint32_t {1};\n{0}{2} {3}[{1}];\n", indent, length,
                           bytes ? "xint8_t" : type(depth), name);
    }

    std::string type(int depth) {
        const char letter = take();
        switch (letter) {
            case kText:
                return "string_t";
            case kPort:
                return "port_t";
            case kStruct: {
                const std::string inside = members(depth + 1);
                take();  // its end
                return "struct {\n" + inside + std::string(size_t(depth) * 4, ' ') + "}";
            }
            case kBytes:  // in a list: no list of lists without a struct between them
                return fmt::format("struct {{ uint32_t _length; xint8_t _bytes[_length]; }}");
            default:
                break;
        }
        const int bits = (take() - '0') * 8;
        const char* const kind = letter == kSigned  ? "int"
                                 : letter == kHex   ? "xint"
                                 : letter == kFloat ? "float"
                                                    : "uint";
        return fmt::format("{}{}_t", kind, bits);
    }

    std::string_view rest_;
};

void put_type(std::string& signature, char letter, size_t size) {
    signature += letter;
    if (letter != kText && letter != kBytes && letter != kPort) signature += char('0' + size);
}

}  // namespace

void CtfFields::clear() {
    signature_.clear();
    values_ = {};
}

void CtfFields::name(std::string_view name) {
    signature_ += kMember;
    signature_ += name;
    signature_ += '\0';
}

void CtfFields::add_text(std::string_view name_text, std::string_view value) {
    name(name_text);
    signature_ += kText;
    write_text(values_, valid_utf8(value));
}

void CtfFields::add_number(std::string_view name_text, int64_t value, size_t size) {
    name(name_text);
    put_type(signature_, kSigned, size);
    values_.append(std::as_bytes(std::span(&value, 1)).first(size));
}

void CtfFields::add_bytes(std::string_view name_text, Bytes value) {
    name(name_text);
    signature_ += kBytes;
    values_.write(uint32_t(value.size()));
    values_.append(value);
}

void CtfFields::add_items(std::span<const Item> items) {
    for (size_t at = 0; at < items.size();) at = add_item(items, at);
}

// Returns where the next one begins.
size_t CtfFields::add_item(std::span<const Item> items, size_t at) {
    const Item& item = items[at];
    switch (item.kind) {
        case Item::Kind::kValue:
            if (item.field->format == Format::kNull) return at + 1;
            name(item.field->name);
            put_type(signature_, type_of(*item.field, item.bytes.size()), item.bytes.size());
            add_value(*item.field, item.bytes);
            return at + 1;
        case Item::Kind::kValues: {
            const size_t size = item.field->size;
            name(item.field->name);
            signature_ += kList;
            put_type(signature_, type_of(*item.field, size), size);
            values_.write(item.count);
            for (size_t i = 0; i < item.count; ++i) {
                add_value(*item.field, item.bytes.subspan(i * size, size));
            }
            return at + 1;
        }
        case Item::Kind::kArrayBegin:
            return add_array(items, at);
        default: {
            const size_t end = end_of(items, at);
            name(item.field->name);
            signature_ += kStruct;
            add_items(items.subspan(at + 1, end - at - 2));
            signature_ += kStructEnd;
            return end;
        }
    }
}

size_t CtfFields::add_array(std::span<const Item> items, size_t at) {
    const size_t end = end_of(items, at);
    const Field& field = *items[at].field;
    name(field.name);
    if (field.format == Format::kStruct) {
        add_structs(items.subspan(at, end - at));
        return end;
    }
    signature_ += kList;
    put_type(signature_, field.format == Format::kBinary ? kBytes : kText, 0);
    values_.write(uint32_t(end - at - 2));
    for (size_t i = at + 1; i < end - 1; ++i) {
        if (field.format == Format::kBinary) {
            add_value(field, items[i].bytes);
        } else {
            write_text(values_, value_text(field, items[i].bytes));
        }
    }
    return end;
}

// A list in CTF has elements of one type. Structs that differ, because lists in them are empty or
// not, become a text.
void CtfFields::add_structs(std::span<const Item> array) {
    CtfFields all;
    std::string first;
    uint32_t count = 0;
    for (size_t at = 1; at + 1 < array.size(); ++count) {
        const size_t end = end_of(array, at);
        all.signature_.clear();
        all.add_items(array.subspan(at + 1, end - at - 2));
        if (count == 0) first = all.signature_;
        if (all.signature_ != first) {
            render::OutBuffer text;
            render::append_fields(text, {array.begin(), array.end()}, render::Style::kText);
            signature_ += kText;
            return write_text(values_, valid_utf8(text.view()));
        }
        at = end;
    }
    signature_ += kList;
    if (count == 0 || first.empty()) {
        put_type(signature_, kUnsigned, 1);
        return values_.write(uint32_t{0});
    }
    signature_ += kStruct + first + kStructEnd;
    values_.write(count);
    values_.append(all.values());
}

void CtfFields::add_value(const Field& field, Bytes bytes) {
    switch (type_of(field, bytes.size())) {
        case kText:
            return write_text(values_, value_text(field, bytes));
        case kBytes:
            values_.write(uint32_t(bytes.size()));
            return values_.append(bytes);
        default:
            return values_.append(bytes);
    }
}

std::string CtfFields::declaration() const { return Declarer(signature_).members(3); }

}  // namespace etw::exports
