#include "decode/walk.h"

#include <algorithm>
#include <array>

namespace etw::decode {
namespace {

constexpr size_t kSidHeader = 8;  // revision, count, authority

class Walker {
public:
    Walker(const Program& program, Bytes payload, bool is_64_bit, std::vector<Item>& items)
        : fields_(program.fields.data()),
          field_count_(program.fields.size()),
          payload_(payload),
          is_64_bit_(is_64_bit),
          items_(items) {}

    void run(Event& event) {
        for (size_t i = plain_fields(0, 0); i < field_count_;
             i = plain_fields(fields_[i].end, items_.size())) {
            const size_t whole_bytes = at_;
            const size_t whole_items = items_.size();
            if (!field(fields_[i])) {
                items_.resize(whole_items, Item{Item::Kind::kValue, 0, nullptr, {}});
                event.outcome = Outcome::kMalformed;
                event.reason = reason_;
                event.rest = payload_.subspan(whole_bytes);
                return;
            }
        }
        event.rest = payload_.subspan(at_);
        if (event.rest.empty()) {
            event.outcome = Outcome::kDecoded;
            event.reason = "";
        } else {
            event.outcome = Outcome::kMalformed;
            event.reason = kBytesLeft;
        }
    }

private:
    bool fail(const char* reason) {
        reason_ = reason;
        return false;
    }
    size_t remaining() const { return payload_.size() - at_; }

    // What nearly all fields are: one value of a fixed size that the payload has whole, and that no
    // other field refers to. Their items come behind the first `before`, where those of the last
    // event may still stand. Takes the run that begins at field `i`; returns the field behind it.
    size_t plain_fields(size_t i, size_t before) {
        size_t last = i, bytes = 0;
        for (; last < field_count_; ++last) {
            const Field& f = fields_[last];
            if (f.size == 0 || f.repeat != Field::Repeat::kNone || f.kept_as != 0) break;
            if (f.size > remaining() - bytes) break;
            bytes += f.size;
        }
        if (last - i > kMaxItems - before) last = i;
        items_.resize(before + (last - i));
        for (Item* out = items_.data() + before; i < last; ++i, ++out) {
            const Field& f = fields_[i];
            *out = {Item::Kind::kValue, 1, &f, {payload_.data() + at_, f.size}};
            at_ += f.size;
        }
        return last;
    }

    bool put(Item::Kind kind, const Field& field, uint32_t count, size_t size) {
        if (items_.size() == kMaxItems) return fail("too many values");
        if (size > remaining()) return fail("payload ends inside a field");
        Item& out = items_.emplace_back();
        out.kind = kind;
        out.count = count;
        out.field = &field;
        out.bytes = {payload_.data() + at_, size};
        at_ += size;
        return true;
    }
    bool mark(Item::Kind kind, const Field& field) { return put(kind, field, 0, 0); }

    bool read_u16(uint16_t& out) {
        if (remaining() < sizeof(out)) return fail("payload ends inside a length");
        std::memcpy(&out, payload_.data() + at_, sizeof(out));
        at_ += sizeof(out);
        return true;
    }

    bool field(const Field& f) {
        if (f.optional && remaining() == 0) return true;
        uint16_t count = f.count;
        switch (f.repeat) {
            case Field::Repeat::kNone:
                return element(f) && (f.kept_as == 0 || keep(f));
            case Field::Repeat::kConstant:
                return array(f, count);
            case Field::Repeat::kCounted:
                return read_u16(count) && array(f, count);
            case Field::Repeat::kReferred:
                return array(f, kept(f.count_from));
            case Field::Repeat::kToEnd:
                return to_end(f);
        }
        return fail("unknown repetition");
    }

    // The integer that was just put, for the fields that refer to it.
    bool keep(const Field& f) {
        uint64_t value = 0;
        const Bytes bytes = items_.back().bytes;
        std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
        while (kept_count_ < f.kept_as) kept_[++kept_count_] = 0;
        kept_[f.kept_as] = uint32_t(std::min<uint64_t>(value, UINT32_MAX));
        return true;
    }
    uint32_t kept(size_t number) const {
        return number != 0 && number <= kept_count_ ? kept_[number] : 0;
    }

    bool array(const Field& f, uint32_t count) {
        if (f.size != 0) {
            if (count > remaining() / f.size) return fail("payload ends inside an array");
            return put(Item::Kind::kValues, f, count, size_t{count} * f.size);
        }
        if (!mark(Item::Kind::kArrayBegin, f)) return false;
        for (uint32_t i = 0; i < count; ++i) {
            if (!element(f)) return false;
        }
        return mark(Item::Kind::kArrayEnd, f);
    }

    bool to_end(const Field& f) {
        if (f.size != 0) {
            const size_t count = remaining() / f.size;
            return put(Item::Kind::kValues, f, uint32_t(count), count * f.size);
        }
        if (!mark(Item::Kind::kArrayBegin, f)) return false;
        while (remaining() != 0) {
            if (!element(f)) return false;
        }
        return mark(Item::Kind::kArrayEnd, f);
    }

    bool element(const Field& f) {
        if (f.size != 0) return put(Item::Kind::kValue, f, 1, f.size);
        switch (Type(f.type)) {
            case Type::kNull:
                return put(Item::Kind::kValue, f, 1, 0);
            case Type::kUtf16:
                return terminated(f, 2);
            case Type::kUtf8:
                return terminated(f, 1);
            case Type::kBinary:
            case Type::kCountedUtf16:
            case Type::kCountedUtf8:
            case Type::kCountedBinary: {
                uint16_t size = 0;
                return read_u16(size) && put(Item::Kind::kValue, f, 1, size);
            }
            case Type::kSid:
                return sid(f);
            case Type::kUserSid:
                return user_sid(f);
            case Type::kStruct:
                return structure(f);
            case Type::kFixedText:
                return fixed_text(f);
            case Type::kSkip:
                return skip(f.count);
            case Type::kRest:
                return put(Item::Kind::kValue, f, 1, remaining());
            case Type::kSizedUtf16:
                return sized_text(f, 2);
            case Type::kSizedUtf8:
                return sized_text(f, 1);
            case Type::kSizedBinary:
                return put(Item::Kind::kValue, f, 1, units_of(f));
            default:
                return fail("unknown field type");
        }
    }

    bool structure(const Field& f) {
        if (!mark(Item::Kind::kStructBegin, f)) return false;
        const auto index = size_t(&f - fields_);
        for (size_t i = index + 1; i < f.end; i = fields_[i].end) {
            if (!field(fields_[i])) return false;
        }
        return mark(Item::Kind::kStructEnd, f);
    }

    // A text that ends at its NUL, or with the payload: writers that cut events off leave such.
    bool terminated(const Field& f, size_t unit) {
        if (remaining() == 0) return fail("payload ends before a string");
        const std::byte* const text = payload_.data() + at_;
        const size_t length = unit == 1 ? narrow_length(text) : wide_length(text);
        if (!put(Item::Kind::kValue, f, 1, length)) return false;
        at_ += std::min(unit, remaining());
        return true;
    }
    size_t narrow_length(const std::byte* text) const {
        const void* nul = std::memchr(text, 0, remaining());
        return nul == nullptr ? remaining() : size_t(static_cast<const std::byte*>(nul) - text);
    }
    size_t wide_length(const std::byte* text) const {
        const size_t end = remaining() & ~size_t{1};
        for (size_t i = 0; i < end; i += 2) {
            if (text[i] == std::byte{0} && text[i + 1] == std::byte{0}) return i;
        }
        return end;
    }

    bool fixed_text(const Field& f) { return text_of(f, f.count, 2); }

    size_t units_of(const Field& f) const {
        return f.length_from != 0 ? kept(f.length_from) : f.length;
    }
    bool sized_text(const Field& f, size_t unit) {
        if (units_of(f) > remaining() / unit) return fail("payload ends inside a field");
        return text_of(f, units_of(f) * unit, unit);
    }

    // A text in a space of `size` bytes, which ends at its first NUL.
    bool text_of(const Field& f, size_t size, size_t unit) {
        const size_t start = at_;
        if (size > remaining()) return fail("payload ends inside a field");
        const std::byte* const text = payload_.data() + at_;
        const size_t length = unit == 1 ? narrow_length(text) : wide_length(text);
        if (!put(Item::Kind::kValue, f, 1, std::min(length, size))) return false;
        at_ = start + size;
        return true;
    }

    bool skip(size_t size) {
        if (size > remaining()) return fail("payload ends inside a field");
        at_ += size;
        return true;
    }

    bool sid(const Field& f) {
        if (remaining() < kSidHeader) return fail("payload ends inside a SID");
        const auto authorities = size_t(payload_[at_ + 1]);
        return put(Item::Kind::kValue, f, 1, kSidHeader + 4 * authorities);
    }

    // The kernel writes a TOKEN_USER before the SID (its pointer means nothing outside), or a
    // single zero where there is no user. Relayed events can have a TOKEN_USER whose pointer is
    // zero: there a SID follows, and in the other case text or another zero.
    bool user_sid(const Field& f) {
        const size_t token_user = is_64_bit_ ? 16 : 8;
        uint32_t first = 0;
        if (remaining() < sizeof(first)) return fail("payload ends inside a SID");
        std::memcpy(&first, payload_.data() + at_, sizeof(first));
        if (first == 0 && !sid_follows(token_user)) {
            return skip(sizeof(first)) && put(Item::Kind::kValue, f, 1, 0);
        }
        return skip(token_user) && sid(f);
    }
    bool sid_follows(size_t distance) const {
        constexpr auto kRevision = std::byte{1};
        constexpr auto kMaxAuthorities = std::byte{15};
        if (remaining() < distance + kSidHeader) return false;
        const std::byte* const sid = payload_.data() + at_ + distance;
        return sid[0] == kRevision && sid[1] != std::byte{0} && sid[1] <= kMaxAuthorities;
    }

    const Field* fields_;
    size_t field_count_;
    Bytes payload_;
    bool is_64_bit_;
    std::vector<Item>& items_;
    size_t at_ = 0;                            // invariant: at_ <= payload_.size()
    std::array<uint32_t, kMaxKept + 1> kept_;  // [1] to [kept_count_]
    size_t kept_count_ = 0;
    const char* reason_ = "";
};

}  // namespace

void walk(const Program& program, Bytes payload, bool is_64_bit, Event& event) {
    Walker(program, payload, is_64_bit, event.items).run(event);
}

}  // namespace etw::decode
