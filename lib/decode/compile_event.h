// From the model of a manifest's event to what payloads are read with.
#pragma once
#include "decode/provider_model.h"
#include "decode/schema.h"

namespace etw::decode {

// Refers to the model that it was made of, which must outlive it.
struct CompiledEvent {
    std::string_view name;    // task, or the event's symbol where it has none
    std::string_view opcode;  // empty where the opcode says nothing
    Program program;
    Message message;
    std::deque<std::string> text;  // that `message` refers to
    HeaderNames names;
    const char* error = nullptr;  // the fields cannot be read, and why; the names are good
};

CompiledEvent compile_event(const EventModel& event, bool is_64_bit);

// How values of a TDH type are read, in terms of the types that schemas have. Nothing where the
// type is none that manifests can have.
struct MappedType {
    Type type;
    Out out;
};
std::optional<MappedType> map_type(uint16_t tdh_in, uint16_t tdh_out) noexcept;

}  // namespace etw::decode
