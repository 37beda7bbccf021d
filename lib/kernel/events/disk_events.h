// DiskIo: requests to the disks as the block layer hands them over and gets them back.
#pragma once
#include "kernel/dispatch.h"

#include <map>
#include <tuple>

namespace etw::kernel {

class DiskEvents {
public:
    explicit DiskEvents(Context& context) : context_(context) {}

    // False where the kernel lacks what the flags need.
    bool bind(Dispatch& dispatch);

    enum class Kind : uint8_t { kOther, kRead, kWrite, kFlush };
    // From the letters of a tracepoint ("RA", "WS", "FF").
    static Kind kind_of(std::string_view letters);

private:
    struct Fields {
        Field device, sector, sectors, letters;
    };
    struct Request {
        int64_t issued = 0;
        uint64_t irp = 0;
        uint32_t thread = 0;
    };
    void on_insert(const RawEvent& event, const Fields& fields);
    void on_issue(const RawEvent& event, const Fields& fields);
    void on_requeue(const RawEvent& event, const Fields& fields);
    void on_complete(const RawEvent& event, const Fields& fields);

    using Key = std::tuple<uint32_t, Kind, uint64_t>;
    static Key key_of(const RawEvent& event, const Fields& fields, Kind kind);

    Context& context_;
    // By device, kind and first sector. Of a request whose issue came before the trace: nothing.
    std::map<Key, Request> open_;
    // The threads of requests that wait for a disk: a thread of the kernel's may issue them.
    std::map<Key, uint32_t> inserted_;
    std::map<Key, Request> requeued_;  // that the disk had no room for: issued once more
    uint64_t last_irp_ = 0;
};

}  // namespace etw::kernel
