#include "cli/traceview_show.h"

#include "base/platform.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/tracelog_display.h"
#include "render/pipeline.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

namespace etw::cli {
namespace {

using session::Consumer;
using session::Outcome;
using session::SessionStatus;

constexpr const char* kTool = "traceview";
// How long an end that was asked for may go unnoticed while no events come.
constexpr std::chrono::milliseconds kPatience{50};

void heed_the_terminal() {
    ignore_background_reads();
    if (!is_terminal(stdin)) return;
    std::thread([] {
        if (read_input_to_its_end()) Interrupts::ask();
    }).detach();
}

// stdout, and whether it still takes anything.
class Output final : public render::Sink {
public:
    Status write(std::string_view text) override {
        const Status status = stdout_->write(text);
        if (!status) failed_ = true;
        return status;
    }
    Status close() override { return stdout_->close(); }
    bool failed() const { return failed_; }

private:
    std::unique_ptr<render::FileSink> stdout_ = render::FileSink::standard_output();
    std::atomic<bool> failed_{false};
};

class Show final : public render::RecordSource {
public:
    Show(const TraceviewReport& start, bool json, session::Backend& backend)
        : name_(start.shown_session), joined_(start.joined), json_(json), backend_(backend) {}

    int run(const OpenConsumer& open_consumer) {
        const auto status = backend_.query(name_);
        if (status) guid_ = status->properties.guid;
        auto consumer = open_consumer(name_);
        if (!consumer) {
            stop();
            return session_failure(kTool, name_, consumer.error());
        }
        consumer_ = *std::move(consumer);
        state(joined_ ? "RUNNING (joined)" : "RUNNING");
        render::PipelineOptions pipeline;
        pipeline.render.format = json_ ? render::Format::kJson : render::Format::kText;
        const auto summary = render::run_pipeline(*this, output_, pipeline, [](uint64_t) {});
        if (!stopping_) stop();
        return finish(summary);
    }

    bool ready() override {
        if (!holds_ && !ended_) take(std::chrono::milliseconds(0));
        return holds_ || ended_;
    }

    bool next(etl::Record& record, const etl::TimeConverter*& clock) override {
        do {
            // What a session of ours still has is shown after it was stopped; then it ends.
            if (Interrupts::asked() && !stopping_) stop();
            if (output_.failed() || (joined_ && stopping_)) return false;
            if (!holds_ && !ended_) take(kPatience);
        } while (!holds_ && !ended_);
        if (!holds_) return false;
        holds_ = false;
        record = held_;
        clock = &consumer_->time();
        return true;
    }

private:
    void take(std::chrono::milliseconds patience) {
        const Consumer::Next got = consumer_->next(held_, patience);
        holds_ = got == Consumer::Next::kRecord;
        ended_ = got == Consumer::Next::kEnded;
    }

    // Ours, if it is still the one that we started: its name may be another's by now.
    bool runs_still() {
        const auto status = backend_.query(name_);
        return status && status->properties.guid == guid_;
    }

    void stop() {
        stopping_ = true;
        if (joined_ || !runs_still()) return;
        state("STOPPING");
        final_ = backend_.stop(name_);
    }

    // To a terminal that may be gone: the session is to be stopped all the same.
    void state(const std::string& what) const { say(stderr, "{}: '{}': {}\n", kTool, name_, what); }

    int finish(const Result<render::Summary>& summary) {
        const bool runs = joined_ && runs_still();
        state(runs ? "RUNNING (left)" : "STOPPED");
        const uint64_t lost = consumer_->events_lost() + consumer_->buffers_lost();
        state(fmt::format("{}events lost: {}, buffers lost: {}",
                          summary ? fmt::format("events: {}, ", summary->events()) : "",
                          consumer_->events_lost(), consumer_->buffers_lost()));
        if (final_ && !*final_ && final_->error().code != Code::kSessionNotFound) {
            return session_failure(kTool, name_, final_->error());
        }
        if (!summary && summary.error().where == EPIPE) return kExitDone;  // read enough
        if (!summary) return failure(kTool, "standard output", summary.error());
        if (json_ && final_ && *final_) {
            if (const Status written = output_.write(to_json(**final_)); !written)
                return failure(kTool, "standard output", written.error());
        }
        return lost != 0 ? kExitLoss : kExitDone;
    }

    const std::string name_;
    const bool joined_;
    const bool json_;
    session::Backend& backend_;
    Guid guid_;
    std::unique_ptr<Consumer> consumer_;
    Output output_;
    etl::Record held_;
    bool holds_ = false;
    bool ended_ = false;
    bool stopping_ = false;
    std::optional<Outcome<SessionStatus>> final_;
};

}  // namespace

int show_session(const TraceviewOptions& options, const TraceviewReport& start,
                 session::Backend& backend, const OpenConsumer& open_consumer) {
    Interrupts::heed_for_good();
    heed_the_terminal();
    std::FILE* const reports = options.control.json ? stdout : stderr;
    say(reports, "{}", start.report.output);
    std::fflush(reports);
    print_notes(kTool, start.report.notes);
    return Show(start, options.control.json, backend).run(open_consumer);
}

}  // namespace etw::cli
