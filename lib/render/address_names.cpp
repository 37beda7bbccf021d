#include "render/address_names.h"

#include "render/digits.h"

#include <algorithm>

namespace etw::render {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr std::string_view kCode[] = {"InstructionPointer", "ProgramCounter", "Routine"};
constexpr std::string_view kThread = "ThreadId";

bool tells_code(uint16_t hook) {
    switch (hook) {
        case 0x0F2E:  // samples
        case 0x0F2F:
        case 0x0F42:  // DPCs
        case 0x0F44:
        case 0x0F45:
        case 0x020A:  // page faults
        case 0x020B:
        case 0x020C:
        case 0x020D:
        case 0x020E:
        case 0x020F:
            return true;
        default:
            return false;
    }
}

const decode::Item* find_item(const decode::Event& event, std::string_view name) {
    const auto found =
        std::find_if(event.items.begin(), event.items.end(), [&](const decode::Item& item) {
            return item.kind == decode::Item::Kind::kValue && item.field->name == name;
        });
    return found == event.items.end() ? nullptr : &*found;
}

uint64_t number(Bytes bytes) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(value)));
    return value;
}

}  // namespace

bool stack_of_record(const etl::Record& record, decode::Added& out) {
    constexpr uint16_t kStack = 0x1820;
    ByteReader in(record.payload);
    struct Whose {
        int64_t time;
        uint32_t process, thread;
    };
    const auto whose = in.read<Whose>("stack");
    if (record.hook_id != kStack || !whose) return false;
    const size_t size = record.is_64_bit ? 8 : 4;
    out.stack = in.rest().first(in.remaining() / size * size);
    out.address_size = uint8_t(size);
    out.process = whose->process;
    return !out.stack.empty();
}

std::string frame_name(const AddressNames& names, const etl::Record& record,
                       const decode::Added& added, size_t at) {
    const uint64_t address = number(added.stack.subspan(at, added.address_size));
    std::string name = names.name(added.process, record.time_stamp, address);
    if (!name.empty()) return name;
    char digits[2 + 16] = {'0', 'x'};
    return {digits, put_hex(digits + 2, address, 1, false)};
}

std::string code_name_of(const AddressNames& names, const etl::Record& record,
                         const decode::Event& event) {
    if (!tells_code(record.hook_id)) return {};
    const decode::Item* code = nullptr;
    for (const std::string_view name : kCode) {
        if (code == nullptr) code = find_item(event, name);
    }
    if (code == nullptr) return {};
    uint32_t process = record.process_id;
    if (process == kNone && !event.added.stack.empty()) process = event.added.process;
    if (process == kNone) {
        const decode::Item* thread = find_item(event, kThread);
        if (thread != nullptr)
            process = names.process_of(uint32_t(number(thread->bytes)), record.time_stamp);
    }
    return names.name(process, record.time_stamp, number(code->bytes));
}

}  // namespace etw::render
