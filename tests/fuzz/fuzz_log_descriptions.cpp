// Any records as a log that describes itself: manifest chunks, event information, stacks, images.
// Input: per record one byte for its kind, one for process and thread, a u16 for its size, its
// payload.
#include "decode/log_descriptions.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace etw;
    using namespace etw::decode;
    ProviderSet providers;
    StackTable stacks;
    ImageTable images;
    LogDescriptions descriptions(providers, stacks, images);
    ByteReader in(std::as_bytes(std::span(data, size)));
    constexpr Guid kMetaData{
        0xbbccf6c1, 0x6cd1, 0x48c4, {0x80, 0xff, 0x83, 0x94, 0x82, 0xe3, 0x76, 0x71}};
    etl::Record record;
    while (in.remaining() >= 4) {
        const auto kind = *in.read<uint8_t>("kind");
        const auto origin = *in.read<uint8_t>("origin");
        const auto length = *in.read<uint16_t>("size");
        record = {};
        record.process_id = origin & 0xF;
        record.thread_id = origin >> 4;
        record.time_stamp = origin;
        record.is_64_bit = (kind & 0x80) != 0;
        record.payload = *in.take(std::min<size_t>(length, in.remaining()), "payload");
        switch (kind & 3) {
            case 0:
                record.type = wire::HeaderType::kEvent64;
                record.descriptor.id = kManifestEventId;
                break;
            case 1:
                record.type = wire::HeaderType::kFull64;
                record.provider = kMetaData;
                record.descriptor.opcode = uint8_t(32 + (kind >> 2 & 1));
                break;
            case 2: {
                constexpr uint16_t kHooks[] = {0x030A, 0x1402, 0x1403, 0x1404,
                                               0x0501, 0x0503, 0x0504, 0};
                record.type = wire::HeaderType::kPerfInfo64;
                record.hook_id = kHooks[kind >> 2 & 7];
                if (record.hook_id != 0) break;
                record.type = wire::HeaderType::kFull64;
                record.provider = {
                    0xb3e675d7, 0x2554, 0x4f18, {0x83, 0x0b, 0x27, 0x62, 0x73, 0x25, 0x60, 0xde}};
                record.descriptor.opcode = 0x24;
                break;
            }
            default:
                record.type = wire::HeaderType::kPerfInfo64;
                record.hook_id = uint16_t(0x1820 + (kind >> 2 & 7));
                record.descriptor.opcode = uint8_t(record.hook_id);
                break;
        }
        descriptions.look_at(record);
    }
    descriptions.finish();
    record = {};
    size_t hint = 0;
    for (int64_t time = 0; time < 256; ++time) {
        record.time_stamp = time;
        record.thread_id = uint32_t(time >> 4);
        const Stack stack = stacks.find(record, hint);
        if (stack.addresses.size() % stack.address_size != 0) std::abort();
        ImageTable::Place place{};
        if (images.find(record.thread_id, time, uint64_t(time) << 8, place) &&
            place.module >= images.modules().size()) {
            std::abort();
        }
    }
    return 0;
}
