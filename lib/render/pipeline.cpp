#include "render/pipeline.h"

#include "etw/decoder.h"
#include "render/record_filter.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace etw::render {
namespace {

// Small enough to stay in a processor's own cache with its text, large enough that taking turns
// costs nothing.
constexpr size_t kBatchRecords = 1024;
constexpr size_t kBatchBytes = 256 * 1024;
// The text of a batch is written in parts of about this size: descriptions can make much of a few
// bytes.
constexpr size_t kPartBytes = size_t{4} << 20;
constexpr unsigned kMaxThreads = 8;  // reading is serial: more have nothing to do

struct Entry {
    etl::Record record;
    const etl::TimeConverter* clock = nullptr;
};

// A run of consecutive records with copies of their bytes.
class Batch {
public:
    // False: the source has no more records.
    bool fill(RecordSource& source) {
        size_ = used_ = 0;
        while (size_ < kBatchRecords && used_ < kBatchBytes) {
            if (size_ != 0 && !source.ready()) break;
            Entry& entry = entries_[size_];
            if (!source.next(entry.record, entry.clock)) break;
            keep(entry.record);
            ++size_;
        }
        return size_ != 0;
    }
    std::span<const Entry> entries() const { return {entries_.data(), size_}; }

private:
    void keep(etl::Record& record) {
        std::byte* const copy = bytes_.get() + used_;
        if (!record.raw.empty()) std::memcpy(copy, record.raw.data(), record.raw.size());
        const auto moved = [&](Bytes view) {
            if (view.empty()) return Bytes();
            return Bytes(copy + (view.data() - record.raw.data()), view.size());
        };
        record.payload = moved(record.payload);
        record.extended = moved(record.extended);
        used_ += record.raw.size();
        record.raw = Bytes(copy, record.raw.size());
    }

    std::vector<Entry> entries_{kBatchRecords};
    std::unique_ptr<std::byte[]> bytes_{new std::byte[kBatchBytes + wire::kMaxRecordSize]};
    size_t size_ = 0;
    size_t used_ = 0;
};

class Pipeline {
public:
    Pipeline(RecordSource& source, Sink& sink, const PipelineOptions& options,
             const std::function<void(uint64_t)>& progress)
        : source_(source), sink_(sink), options_(options), progress_(progress) {}

    Result<Summary> run() {
        const unsigned count =
            options_.threads != 0
                ? options_.threads
                : std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
        if (options_.lines) {
            ETW_CHECK(write_around(&Renderer::begin, byte_order_mark(options_.render.encoding)));
        }
        std::vector<std::thread> others;
        for (unsigned i = 1; i < count; ++i) others.emplace_back([this] { work(); });
        work();
        for (std::thread& thread : others) thread.join();
        if (error_) return *error_;
        if (options_.lines) {
            ETW_CHECK(write_around(&Renderer::end, ""));
        }
        return std::move(summary_);
    }

private:
    Status write_around(void (Renderer::*part)(OutBuffer&) const, std::string_view before) {
        OutBuffer text, encoded;
        (make_renderer(options_.render).get()->*part)(text);
        encoded.append(before);
        append_encoded(encoded, text.view(), options_.render.encoding, lacking());
        return encoded.size() == 0 ? Status(Ok{}) : sink_.write(encoded.view());
    }

    Lacking lacking() const {
        switch (options_.render.format) {
            case Format::kJson:
                return Lacking::kJsonEscape;
            case Format::kXml:
                return Lacking::kXmlReference;
            default:
                return Lacking::kQuestionMark;
        }
    }

    void work() {
        Batch batch;
        OutBuffer text, encoded;
        decode::Decoder decoder(options_.catalog);
        decode::Event event;
        Summary summary;
        const auto renderer = make_renderer(options_.render);
        uint64_t turn = 0;
        bool going = true;
        while (going && take(batch, turn)) {
            text.clear();
            for (const Entry& entry : batch.entries()) {
                decoder.decode(entry.record, event);
                if (options_.filter != nullptr && !options_.filter->wants(entry.record, event)) {
                    summary.leave_out();
                    continue;
                }
                summary.add(entry.record, event, options_.by_kind);
                if (!options_.lines) continue;
                if (options_.skip_unknown && event.outcome == decode::Outcome::kUnknown) continue;
                renderer->render(entry.record, event,
                                 entry.clock->to_filetime(entry.record.time_stamp), text);
                if (text.size() < kPartBytes) continue;
                going = put(encode(text, encoded), turn, false);
                if (!going) break;
                text.clear();
            }
            going = going && put(encode(text, encoded), turn, true);
        }
        const std::lock_guard lock(write_mutex_);
        summary_.merge(summary);
    }

    bool take(Batch& batch, uint64_t& turn) {
        const std::lock_guard lock(read_mutex_);
        if (stop_ || !batch.fill(source_)) {
            stop_ = true;
            return false;
        }
        turn = batches_read_++;
        records_read_ += batch.entries().size();
        if (progress_) progress_(records_read_);
        return true;
    }

    // `text` in the encoding that is asked for; `space` is where it is made.
    const OutBuffer& encode(const OutBuffer& text, OutBuffer& space) const {
        if (options_.render.encoding == Encoding::kUtf8) return text;
        space.clear();
        append_encoded(space, text.view(), options_.render.encoding, lacking());
        return space;
    }

    // `last`: the batch ends with it. False: the output is over, and so is the batch.
    bool put(const OutBuffer& text, uint64_t turn, bool last) {
        std::unique_lock lock(write_mutex_);
        turn_came_.wait(lock, [&] { return batches_written_ == turn; });
        if (!error_ && text.size() != 0) {
            if (auto written = sink_.write(text.view()); !written) error_ = written.error();
        }
        if (last || error_) {
            ++batches_written_;
            turn_came_.notify_all();
        }
        if (!error_) return true;
        lock.unlock();
        const std::lock_guard read_lock(read_mutex_);
        stop_ = true;
        return false;
    }

    RecordSource& source_;
    Sink& sink_;
    const PipelineOptions& options_;
    const std::function<void(uint64_t)>& progress_;

    std::mutex read_mutex_;  // source_, stop_, batches_read_, records_read_
    bool stop_ = false;
    uint64_t batches_read_ = 0;
    uint64_t records_read_ = 0;

    std::mutex write_mutex_;  // sink_, batches_written_, error_, summary_
    std::condition_variable turn_came_;
    uint64_t batches_written_ = 0;
    std::optional<Error> error_;
    Summary summary_;
};

}  // namespace

Result<Summary> run_pipeline(RecordSource& source, Sink& sink, const PipelineOptions& options,
                             const std::function<void(uint64_t)>& progress) {
    return Pipeline(source, sink, options, progress).run();
}

}  // namespace etw::render
