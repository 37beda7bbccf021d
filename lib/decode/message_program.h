// The compiled form of a trace message's format.
#pragma once
#include "decode/schema.h"
#include "tmf/message_format.h"

namespace etw::decode {

// Owns the text and the names that its parts view; does not move.
struct MessageProgram {
    MessageProgram() = default;
    MessageProgram(const MessageProgram&) = delete;
    MessageProgram& operator=(const MessageProgram&) = delete;

    std::string component;  // friendly name of the message GUID
    std::string name;       // source file and line
    Message message;        // a value's number is that of its field
    Program program_32, program_64;
    std::deque<ValueMap> maps;
    // Why not all bytes are described: the format names an item type that nobody knows. Its bytes
    // and those behind it stay as they are. Empty: all are known.
    std::string unknown_item;
};

void compile_message(const tmf::MessageFormat& format, MessageProgram& out);

}  // namespace etw::decode
