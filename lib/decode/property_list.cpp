#include "decode/property_list.h"

#include "decode/schema.h"

namespace etw::decode {
namespace {

class Builder {
public:
    explicit Builder(std::vector<PropertyEntry> list)
        : list_(std::move(list)), position_of_(list_.size(), UINT16_MAX) {}

    Result<TemplateModel> build(uint32_t top_level_count) {
        ETW_CHECK(add_all(0, top_level_count, 0));
        return std::move(out_);
    }

private:
    Status add_all(size_t first, size_t count, int depth) {
        if (first > list_.size() || count > list_.size() - first) {
            return Error{Code::kInvalidData, "properties: a member that is not there"};
        }
        if (depth > kMaxNesting) return Error{Code::kInvalidData, "properties: nested too deep"};
        for (size_t i = first; i < first + count; ++i) ETW_CHECK(add(i, depth));
        return Ok{};
    }

    Status add(size_t index, int depth) {
        const size_t position = out_.fields.size();
        if (position == kMaxTemplateFields || position_of_[index] != UINT16_MAX) {
            return Error{Code::kInvalidData, "properties: one is used twice"};
        }
        position_of_[index] = uint16_t(position);
        PropertyEntry& entry = list_[index];
        resolve(entry.field.count);
        resolve(entry.field.length);
        const bool is_struct = entry.field.is_struct;
        out_.fields.push_back(std::move(entry.field));
        if (is_struct) ETW_CHECK(add_all(entry.first_member, entry.member_count, depth + 1));
        out_.fields[position].end = uint16_t(out_.fields.size());
        return Ok{};
    }

    // A reference to what does not come earlier is found out when the event is compiled.
    void resolve(Amount& amount) const {
        if (amount.kind != Amount::Kind::kField) return;
        const bool known = amount.value < position_of_.size();
        amount.value = known ? position_of_[amount.value] : uint16_t{UINT16_MAX};
    }

    std::vector<PropertyEntry> list_;
    std::vector<uint16_t> position_of_;  // in out_, of each property that is there already
    TemplateModel out_;
};

}  // namespace

Result<TemplateModel> to_template(std::vector<PropertyEntry> list, uint32_t top_level_count) {
    return Builder(std::move(list)).build(top_level_count);
}

bool can_be_sized(uint16_t in_type) noexcept {
    constexpr uint16_t kUnicode = 1, kAnsi = 2, kBinary = 14;
    return in_type == kUnicode || in_type == kAnsi || in_type == kBinary;
}

}  // namespace etw::decode
