// Any bytes as an event: as schema, traits and payload of a self-describing one, or as the payload
// of any kernel hook. What must hold is in event_invariants.h.
#include "decode/kernel_table.h"
#include "etw/decoder.h"
#include "event_invariants.h"

#include <cstring>
#include <vector>

namespace {

using namespace etw;

// An extended item with its header.
void append_item(std::vector<std::byte>& chain, wire::ExtendedType type, Bytes data, bool more) {
    const size_t size = wire::align8(sizeof(wire::ExtendedItem) + data.size());
    const wire::ExtendedItem item{uint16_t(size), uint16_t(type), uint16_t(more ? 1 : 0),
                                  uint16_t(data.size())};
    const Bytes header = std::as_bytes(std::span(&item, 1));
    chain.insert(chain.end(), header.begin(), header.end());
    chain.insert(chain.end(), data.begin(), data.end());
    chain.resize(wire::align8(chain.size()));
}

}  // namespace

// Input: u8 what, u16 number, then the bytes. Kernel: number is the hook. Self-describing: number
// is the size of the schema, which comes first; its first two bytes are made the right size.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 3 || size > 60'000) return 0;
    const uint8_t what = data[0];
    const auto number = uint16_t(data[1] | data[2] << 8);
    std::vector<std::byte> bytes(size - 3);
    if (!bytes.empty()) std::memcpy(bytes.data(), data + 3, bytes.size());

    static decode::Decoder decoder;
    static decode::Event event;
    etl::Record record;
    record.is_64_bit = (what & 1) != 0;
    std::vector<std::byte> chain;
    if ((what & 2) != 0) {
        record.type = (what & 4) != 0 ? wire::HeaderType::kFull64 : wire::HeaderType::kPerfInfo64;
        record.hook_id = number;
        record.descriptor.opcode = uint8_t(number);
        record.descriptor.version = what >> 4;
        const auto classes = decode::kernel_classes();
        record.provider = classes[number / 256 % classes.size()].guid;
        record.payload = bytes;
    } else {
        record.type = wire::HeaderType::kEvent64;
        const size_t schema_size = std::min<size_t>(number, bytes.size());
        if (schema_size >= 2) {
            const auto stored = uint16_t(schema_size);
            std::memcpy(bytes.data(), &stored, sizeof(stored));
        }
        const Bytes schema = Bytes(bytes).first(schema_size);
        if ((what & 4) != 0) {
            append_item(chain, wire::ExtendedType::kProviderTraits, schema, true);
        }
        append_item(chain, wire::ExtendedType::kEventSchemaTl, schema, false);
        // Chains that are cut off or lie about their sizes must not be read past either.
        if ((what & 8) != 0 && chain.size() > 16) chain.resize(chain.size() - what / 16);
        record.extended = chain;
        record.payload = Bytes(bytes).subspan(schema_size);
    }
    decoder.decode(record, event);
    fuzz::check(record.payload, event);
    return 0;
}
