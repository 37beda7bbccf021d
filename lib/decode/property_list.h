// Properties as Windows stores compiled templates: a list in which structs name the positions of
// their members, which stand behind all top-level properties. TRACE_EVENT_INFO and WEVT_TEMPLATE
// differ in the bytes only.
#pragma once
#include "decode/provider_model.h"
#include "etw/result.h"

namespace etw::decode {

struct PropertyEntry {
    FieldModel field;  // amounts that refer hold positions in the list; `end` is not set
    uint16_t first_member = 0;
    uint16_t member_count = 0;
};

// In the order of the payload. kInvalidData where a struct's members are not there, belong to two
// structs, or are nested too deep.
Result<TemplateModel> to_template(std::vector<PropertyEntry> list, uint32_t top_level_count);

// Whether a type of TDH can have a length of its own.
bool can_be_sized(uint16_t in_type) noexcept;

}  // namespace etw::decode
