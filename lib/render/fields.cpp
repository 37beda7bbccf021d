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
    FieldWriter(OutBuffer& out, Style style) : out_(out), style_(style) {}

    void write(const std::vector<Item>& items) {
        for (size_t i = 0; i < items.size(); ++i) {
            const Item& item = items[i];
            if (is_end(item.kind)) {
                out_.append(item.kind == Item::Kind::kArrayEnd ? ']' : '}');
                --depth_;
                continue;
            }
            if (style_ == Style::kText && item.field->hidden) {
                i = past_hidden(items, i);
                continue;
            }
            label(*item.field);
            body(item);
        }
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
        if (style_ == Style::kJson) {
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
                return append_value(out_, item.field->format, item.bytes, style_);
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
            if (i != 0) out_.append(style_ == Style::kJson ? "," : ", ");
            append_value(out_, item.field->format, item.bytes.subspan(i * size, size), style_);
        }
        out_.append(']');
    }

    void open(char bracket, bool is_array) {
        out_.append(bracket);
        ETW_ASSERT(depth_ + 1 < kMaxDepth);  // decode limits the nesting
        levels_[++depth_] = {is_array, true};
    }

    OutBuffer& out_;
    Style style_;
    std::array<Level, kMaxDepth> levels_{};
    size_t depth_ = 0;
};

}  // namespace

void append_fields(OutBuffer& out, const std::vector<Item>& items, Style style) {
    FieldWriter(out, style).write(items);
}

}  // namespace etw::render
