// The texts that descriptions give events, with their values in place.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/values.h"

#include <optional>

namespace etw::render {

// The number, as the description counts, of the first value that the event's text asks for and the
// event does not have: 10 and up in trace messages, 1 and up in others.
std::optional<uint32_t> missing_parameter(const etl::Record& record, const decode::Event& event);

// The text of `event`, which has one: valid UTF-8, may have line ends. Where a value is missing,
// what Windows' tool prints in its place:
// "*****FormatMessage NAME(TYPE) of PROVIDER, parameter N raised an exception*****".
void append_message(OutBuffer& out, const etl::Record& record, const decode::Event& event,
                    ValueRules rules);

// What the texts and prefixes of events call %!LEVEL!, %!FLAGS! and so on: of what a message does
// not say, the words of the event's header.
void append_level(OutBuffer& out, const etl::Record& record, const decode::Event& event);
void append_flags(OutBuffer& out, const etl::Record& record, const decode::Event& event);
void append_component(OutBuffer& out, const etl::Record& record, const decode::Event& event);
// The numbers among a prefix's variables: %3 and %5 to %9.
uint32_t header_number(const etl::Record& record, unsigned variable);
void append_event_name(OutBuffer& out, const decode::Event& event);  // "Class/Opcode"

}  // namespace etw::render
