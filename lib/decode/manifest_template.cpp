#include "decode/manifest_template.h"

#include "decode/manifest_names.h"
#include "decode/schema.h"

#include <algorithm>

namespace etw::decode {
namespace {

constexpr uint16_t kUnknownType =
    UINT16_MAX;  // maps to no type: the event says why it has no fields
constexpr uint16_t kTdhBinary = 14;

class TemplateParser {
public:
    explicit TemplateParser(const MapsByName& maps) : maps_(maps) {}

    TemplateModel parse(const pugi::xml_node& node) {
        members(node, 0);
        return std::move(out_);
    }

private:
    void members(const pugi::xml_node& parent, int depth) {
        levels_.push_back(out_.fields.size());
        for (const pugi::xml_node& node : parent.children()) {
            if (out_.fields.size() == kMaxTemplateFields) break;
            const std::string_view element = local_name(node.name());
            if (element == "data" || element == "binary") {
                data(node, element == "binary");
            } else if (element == "struct" && depth < kMaxNesting) {
                structure(node, depth);
            }
        }
        levels_.pop_back();
    }

    void structure(const pugi::xml_node& node, int depth) {
        const size_t index = out_.fields.size();
        FieldModel field;
        field.name = clean_text(node.attribute("name").value());
        field.is_struct = true;
        field.count = amount(node.attribute("count"));
        out_.fields.push_back(std::move(field));
        members(node, depth + 1);
        out_.fields[index].end = uint16_t(out_.fields.size());
    }

    void data(const pugi::xml_node& node, bool is_binary) {
        FieldModel field;
        field.name = clean_text(node.attribute("name").value());
        const pugi::xml_attribute in_type = node.attribute("inType");
        field.in_type = in_type     ? in_type_number(in_type.value()).value_or(kUnknownType)
                        : is_binary ? kTdhBinary
                                    : kUnknownType;
        field.out_type = out_type_number(node.attribute("outType").value()).value_or(0);
        field.count = amount(node.attribute("count"));
        field.length = amount(node.attribute("length"));
        const auto map = maps_.find(std::string_view(node.attribute("map").value()));
        if (map != maps_.end()) field.map = map->second;
        field.end = uint16_t(out_.fields.size() + 1);
        out_.fields.push_back(std::move(field));
    }

    // A number, or the name of an earlier field: of the same struct, else of what is around it.
    Amount amount(const pugi::xml_attribute& attribute) const {
        if (!attribute) return {};
        const auto number = parse_number(attribute.value());
        if (number == 0) return {};  // as the message compiler has it
        if (number)
            return {Amount::Kind::kFixed, uint16_t(std::min<uint64_t>(*number, UINT16_MAX))};
        for (size_t level = levels_.size(); level-- > 0;) {
            for (size_t i = levels_[level]; i < out_.fields.size(); ++i) {
                if (out_.fields[i].name == attribute.value()) {
                    return {Amount::Kind::kField, uint16_t(i)};
                }
            }
        }
        return {Amount::Kind::kField, UINT16_MAX};  // no such field: found out when it is compiled
    }

    const MapsByName& maps_;
    TemplateModel out_;
    std::vector<size_t> levels_;  // where the fields of each struct around begin
};

}  // namespace

TemplateModel parse_template(const pugi::xml_node& node, const MapsByName& maps) {
    return TemplateParser(maps).parse(node);
}

}  // namespace etw::decode
