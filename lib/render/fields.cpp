// The fields of an event: names, values, and the brackets around arrays and structs.
#include "decode/schema.h"
#include "etw/check.h"
#include "render/integers.h"
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
        : out_(out), rules_(rules), json_(rules.style == Style::kJson) {
        levels_[0] = {false, true};
    }

    void write(const std::vector<Item>& items) {
        for (size_t i = 0; i < items.size();) {
            const size_t behind = json_ ? i : write_integers(items, i);
            if (behind != i) {
                i = behind;
            } else if (items[i].kind == Item::Kind::kValue && (json_ || !items[i].field->hidden)) {
                write_value(items[i++]);
            } else {
                i = write_one(items, i, true);
            }
        }
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
    void write_value(const Item& item) {
        label(*item.field);
        append_field_value(out_, *item.field, item.bytes, rules_);
    }

    // Arrays and structs take turns: an array of structs is two levels.
    static constexpr size_t kMaxDepth = 2 * (decode::kMaxNesting + 2);
    struct Level {
        bool is_array;
        bool is_empty;
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
        out_.commit(put_label(out_.reserve(label_size(field)), field, is_first));
    }

    static size_t label_size(const decode::Field& field) { return field.name.size() + 2; }
    static char* put_label(char* p, const decode::Field& field, bool is_first) {
        if (!is_first) *p++ = ' ';
        p = put_text(p, field.name);
        *p++ = '=';
        return p;
    }

    // The run of integers that begins at item `i` of the event itself. Most fields of most events
    // are such, and need no look at anything else. Returns the index behind it.
    size_t write_integers(const std::vector<Item>& items, size_t i) {
        bool is_first = levels_[0].is_empty;
        char* p = out_.reserve(0);
        for (; i < items.size(); ++i) {
            const Item& item = items[i];
            const decode::Field& field = *item.field;
            if (item.kind != Item::Kind::kValue || !is_integer(field.format, item.bytes.size()) ||
                field.map != nullptr || field.hidden) {
                break;
            }
            const size_t most = label_size(field) + kMaxInteger;
            if (size_t(out_.limit() - p) < most) {
                out_.commit(p);
                p = out_.reserve(most);
            }
            p = put_label(p, field, std::exchange(is_first, false));
            p = put_integer(p, field.format, item.bytes);
        }
        levels_[0].is_empty = is_first;
        out_.commit(p);
        return i;
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
    std::array<Level, kMaxDepth> levels_;  // up to depth_
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
