#include "export/run.h"

#include "base/filetime.h"
#include "etw/decoder.h"

namespace etw::exports {
namespace {

constexpr uint64_t kProgressEvery = 4096;  // records

}  // namespace

Result<render::Summary> run_export(render::RecordSource& source, render::RecordFilter& filter,
                                   Exporter& exporter,
                                   std::shared_ptr<const decode::Catalog> catalog,
                                   const std::function<void(uint64_t)>& progress) {
    decode::Decoder decoder(std::move(catalog));
    decode::Event event;
    render::Summary summary;
    etl::Record record;
    const etl::TimeConverter* clock = nullptr;
    for (uint64_t read = 1; source.next(record, clock); ++read) {
        if (progress && read % kProgressEvery == 0) progress(read);
        bool wanted = filter.wants(record, clock->to_filetime(record.time_stamp));
        if (!wanted && !exporter.needs(record)) {
            summary.leave_out();
            continue;
        }
        decoder.decode(record, event);
        wanted = wanted && filter.wants(record, event);
        if (wanted) {
            summary.add(record, event, false);
        } else {
            summary.leave_out();
            if (!exporter.needs(record)) continue;
        }
        const int64_t time = clock->to_unix_ns(record.time_stamp);
        ETW_CHECK(exporter.add({record, event, time, wanted}));
    }
    return summary;
}

}  // namespace etw::exports
