// Records to lines to a sink, on all processors.
//
// Every thread runs the same loop: take the next batch of records (one thread at a time), decode
// and format it (all at once), wait for its turn and write it (one at a time). So the order of the
// output is the order of the records and does not depend on the number of threads, no thread waits
// while there is anything to format, and memory is one batch and its text per thread. What comes
// before the first and after the last line is written whenever the source ends: an output is whole,
// also of a source that was told to end early.
#pragma once
#include "etw/catalog.h"
#include "render/renderer.h"
#include "render/sink.h"
#include "render/summary.h"

#include <functional>

namespace etw::render {

class RecordFilter;

class RecordSource {
public:
    virtual ~RecordSource() = default;
    // The next record and the clock of its log; false at the end. The record's views may become
    // invalid with the next call.
    virtual bool next(etl::Record& record, const etl::TimeConverter*& clock) = 0;
    // False: next() would have to wait for a record, or for the end. What has been read so far is
    // then formatted first. Invalidates views too.
    virtual bool ready() { return true; }
};

struct PipelineOptions {
    RenderOptions render;
    std::shared_ptr<const decode::Catalog> catalog;  // may be null
    unsigned threads = 0;                            // 0: as many as are of use on this machine
    bool lines = true;                               // false: only the summary is wanted
    bool by_kind = true;                             // false: only the totals are wanted
    bool skip_unknown = false;                       // no line for what nothing describes
    const RecordFilter* filter = nullptr;            // its second step; the source takes the first
};

// Runs until the source ends or the sink fails. `progress` is called from time to time with the
// number of records read, never by two threads at once.
Result<Summary> run_pipeline(RecordSource& source, Sink& sink, const PipelineOptions& options,
                             const std::function<void(uint64_t)>& progress);

}  // namespace etw::render
