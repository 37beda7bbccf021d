// The fields of an event: names, values, and the brackets around arrays and structs.
#include "decode/schema.h"
#include "etw/check.h"
#include "render/quoted.h"
#include "render/values.h"

#include <array>
#include <utility>

namespace etw::render {
namespace {

using decode::Item;

class FieldWriter {
public:
    FieldWriter(OutBuffer& out, ValueRules rules)
        : out_(out), rules_(rules), json_(rules.style == Style::kJson) {}

    void write(const std::vector<Item>& items) {
        for (size_t i = 0; i < items.size();) i = write_one(items, i, true);
    }

    // One item with all that is in it; its name before it where asked. Returns the next index.
    size_t write_one(const std::vector<Item>& items, size_t i, bool named) {
        const size_t depth = depth_;
        do {
            const Item& item = items[i++];
            if (is_end(item.kind)) {
                out_.append(item.kind == Item::Kind::kArrayEnd ? ']' : '}');
                --depth_;
                continue;
            }
            if (!json_ && item.field->hidden && named) {
                i = past_hidden(items, i - 1) + 1;
                continue;
            }
            if (named || depth_ != depth) label(*item.field);
            body(item);
        } while (depth_ != depth && i < items.size());
        return i;
    }

private:
    // Arrays and structs take turns: an array of structs is two levels.
    static constexpr size_t kMaxDepth = 2 * (decode::kMaxNesting + 2);
    struct Level {
        bool is_array = false;
        bool is_empty = true;
    };

    static bool is_end(Item::Kind kind) {
        return kind == Item::Kind::kArrayEnd || kind == Item::Kind::kStructEnd;
    }

    static size_t past_hidden(const std::vector<Item>& items, size_t i) {
        if (items[i].kind != Item::Kind::kArrayBegin) return i;
        const decode::Field* const field = items[i].field;
        while (items[i].kind != Item::Kind::kArrayEnd || items[i].field != field) ++i;
        return i;
    }

    void label(const decode::Field& field) {
        Level& level = levels_[depth_];
        const bool is_first = std::exchange(level.is_empty, false);
        if (json_) {
            if (!is_first) out_.append(',');
            if (level.is_array) return;
            append_quoted(out_, field.name);
            return out_.append(':');
        }
        if (level.is_array) {
            if (!is_first) out_.append(", ");
            return;
        }
        char* p = out_.reserve(field.name.size() + 2);
        if (!is_first) *p++ = ' ';
        std::memcpy(p, field.name.data(), field.name.size());
        p += field.name.size();
        *p++ = '=';
        out_.commit(p);
    }

    void body(const Item& item) {
        switch (item.kind) {
            case Item::Kind::kValue:
                return append_field_value(out_, *item.field, item.bytes, rules_);
            case Item::Kind::kValues:
                return values(item);
            case Item::Kind::kArrayBegin:
                return open('[', true);
            default:
                return open('{', false);
        }
    }

    void values(const Item& item) {
        const size_t size = item.field->size;
        out_.append('[');
        for (size_t i = 0; i < item.count; ++i) {
            if (i != 0) out_.append(json_ ? "," : ", ");
            append_field_value(out_, *item.field, item.bytes.subspan(i * size, size), rules_);
        }
        out_.append(']');
    }

    void open(char bracket, bool is_array) {
        out_.append(bracket);
        ETW_ASSERT(depth_ + 1 < kMaxDepth);  // decode limits the nesting
        levels_[++depth_] = {is_array, true};
    }

    OutBuffer& out_;
    ValueRules rules_;
    bool json_;
    std::array<Level, kMaxDepth> levels_{};
    size_t depth_ = 0;
};

}  // namespace

void append_fields(OutBuffer& out, const std::vector<Item>& items, ValueRules rules) {
    FieldWriter(out, rules).write(items);
}

size_t append_item(OutBuffer& out, const std::vector<Item>& items, size_t index, ValueRules rules) {
    const bool is_one_value = items[index].kind == Item::Kind::kValue;
    // Between brackets only quotes tell texts apart.
    if (!is_one_value && rules.style == Style::kBare) rules.style = Style::kText;
    return FieldWriter(out, rules).write_one(items, index, false);
}

}  // namespace etw::render
