// Any bytes as a log that is exported. What must hold: packets are no larger than what they were
// put together from, types of CTF read back, and nothing is read past its end.
#include "etw/decoder.h"
#include "export/ctf_fields.h"
#include "export/packets.h"
#include "export/pcapng.h"
#include "export/perfetto.h"
#include "export/run.h"
#include "render/record_filter.h"

#include <cstdlib>

using namespace etw;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

class OneLog final : public render::RecordSource {
public:
    explicit OneLog(etl::LogReader& reader) : reader_(reader) {}
    bool next(etl::Record& record, const etl::TimeConverter*& clock) override {
        clock = &reader_.time();
        return reader_.next(record);
    }

private:
    etl::LogReader& reader_;
};

void export_to(Bytes file, exports::Exporter& exporter) {
    auto reader = etl::LogReader::over(file);
    if (!reader) return;
    OneLog source(*reader);
    render::FilterOptions options;
    options.process_names = {"a*"};
    options.events = {"*"};
    options.level = 5;
    render::RecordFilter filter(options);
    require(bool(exports::run_export(source, filter, exporter, nullptr, {})));
    require(bool(exporter.finish(reader->events_lost())));
    require(!exporter.report().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const Bytes file = std::as_bytes(std::span(data, size));
    auto reader = etl::LogReader::over(file);
    if (!reader) return 0;
    decode::Decoder decoder;
    decode::Event event;
    etl::Record record;
    exports::PacketReader packets;
    exports::CtfFields fields;
    while (reader->next(record)) {
        if (const auto packet = packets.read(record)) {
            require(packet->bytes.size() <= packet->original_size);
            require(packet->bytes.size() <= size);
        }
        decoder.decode(record, event);
        fields.clear();
        fields.add_items(event.items);
        const std::string declared = fields.declaration();
        require(fields.signature().empty() == declared.empty());
    }
    for (const auto& make : {+[]() -> std::unique_ptr<exports::Exporter> {
                                 return *exports::Perfetto::create(ETW_FUZZ_OUTPUT);
                             },
                             +[]() -> std::unique_ptr<exports::Exporter> {
                                 return *exports::Pcapng::create(ETW_FUZZ_OUTPUT);
                             }}) {
        export_to(file, *make());
    }
    return 0;
}
