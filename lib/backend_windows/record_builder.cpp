#include "backend_windows/record_builder.h"

#include "backend_windows/properties_buffer.h"

#include <cstring>

namespace etw::backend_windows {
namespace {

// EVENT_HEADER_FLAG_*, some of which older headers lack.
constexpr USHORT kTraceMessage = 0x08;
constexpr USHORT kHeader32 = 0x20;
constexpr USHORT kClassic = 0x100;
constexpr USHORT kProcessorIndex = 0x200;

wire::HeaderType type_of(USHORT flags) {
    const bool is_32_bit = (flags & kHeader32) != 0;
    if ((flags & kTraceMessage) != 0) return wire::HeaderType::kMessage;
    if ((flags & kClassic) != 0) {
        return is_32_bit ? wire::HeaderType::kFull32 : wire::HeaderType::kFull64;
    }
    return is_32_bit ? wire::HeaderType::kEvent32 : wire::HeaderType::kEvent64;
}

// As a chain that stands in a log: heads of 8 bytes, data padded to 8, linked but for the last.
std::vector<std::byte> item_chain(const EVENT_RECORD& event) {
    std::vector<std::byte> out;
    for (USHORT i = 0; i < event.ExtendedDataCount; ++i) {
        const EVENT_HEADER_EXTENDED_DATA_ITEM& item = event.ExtendedData[i];
        wire::ExtendedItem head{};
        const uint32_t size = wire::align8(uint32_t(sizeof(head)) + item.DataSize);
        if (size > UINT16_MAX) continue;
        head.size = uint16_t(size);
        head.type = item.ExtType;
        head.linkage = i + 1 < event.ExtendedDataCount ? 1 : 0;
        head.data_size = item.DataSize;
        const size_t at = out.size();
        out.resize(at + size);
        std::memcpy(out.data() + at, &head, sizeof(head));
        if (item.DataSize != 0) {
            std::memcpy(out.data() + at + sizeof(head),
                        reinterpret_cast<const void*>(uintptr_t(item.DataPtr)), item.DataSize);
        }
    }
    return out;
}

}  // namespace

OwnedRecord build_record(const EVENT_RECORD& event) {
    const EVENT_HEADER& header = event.EventHeader;
    OwnedRecord out;
    out.bytes = item_chain(event);
    const size_t chain = out.bytes.size();
    const auto* const payload = static_cast<const std::byte*>(event.UserData);
    if (event.UserDataLength != 0) {
        out.bytes.insert(out.bytes.end(), payload, payload + event.UserDataLength);
    }
    etl::Record& record = out.record;
    record.type = type_of(header.Flags);
    record.is_64_bit = (header.Flags & kHeader32) == 0;
    record.cpu = (header.Flags & kProcessorIndex) != 0 ? event.BufferContext.ProcessorIndex
                                                       : event.BufferContext.ProcessorNumber;
    record.size = header.Size;
    record.time_stamp = header.TimeStamp.QuadPart;
    record.process_id = header.ProcessId;
    record.thread_id = header.ThreadId;
    record.provider = from_system(header.ProviderId);
    const EVENT_DESCRIPTOR& d = header.EventDescriptor;
    record.descriptor = {d.Id, d.Version, d.Channel, d.Level, d.Opcode, d.Task, d.Keyword};
    record.kernel_time = header.KernelTime;
    record.user_time = header.UserTime;
    record.activity = from_system(header.ActivityId);
    record.raw = Bytes(out.bytes);
    record.extended = record.raw.first(chain);
    record.payload = record.raw.subspan(chain);
    return out;
}

}  // namespace etw::backend_windows
