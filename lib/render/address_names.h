// What addresses in events are called: who knows stands above this layer, how it reads is here.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"
#include "render/out_buffer.h"

#include <cstdint>
#include <string>

namespace etw::render {

class AddressNames {
public:
    virtual ~AddressNames() = default;
    // "libc.so.6!write+0x17", or "libc.so.6+0x9a3b7" where only the module is known; empty where
    // nothing is. `time`: as the record has it. Depends on the arguments alone; by any thread.
    virtual std::string name(uint32_t process, int64_t time, uint64_t address) const = 0;
    // Whose a thread was at a time; UINT32_MAX where nobody knows.
    virtual uint32_t process_of(uint32_t thread, int64_t time) const = 0;
    // Whether records of stacks have names themselves, because nobody can look ahead for them.
    virtual bool name_stack_records() const { return false; }
};

// What the code is called that a kernel event tells the address of: a sample, a page fault, a DPC.
// Empty where the event has none, or none with a name.
std::string code_name_of(const AddressNames& names, const etl::Record& record,
                         const decode::Event& event);

// What a record says itself that is a stack, of another event; false: it is none.
bool stack_of_record(const etl::Record& record, decode::Added& out);

// What the address of the event's stack that begins at byte `at` of it is called; the address
// itself where it has no name.
std::string frame_name(const AddressNames& names, const etl::Record& record,
                       const decode::Added& added, size_t at);

}  // namespace etw::render
