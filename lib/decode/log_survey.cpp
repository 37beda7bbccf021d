#include "decode/log_survey.h"

#include "decode/log_descriptions.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace etw::decode {
namespace {

constexpr unsigned kMaxThreads = 8;  // more than that the disk or the memory does not feed

// One thread's share.
class Surveyor final : public etl::RecordVisitor {
public:
    explicit Surveyor(const std::unordered_set<Guid>& known) : known_(known) {}

    bool visit(const etl::Record& record) override {
        if (record.hook_id == 0 && record.provider != last_) count(record);
        return LogDescriptions::tells_something(record);
    }
    const std::unordered_set<Guid>& seen() const noexcept { return seen_; }

private:
    // Events come in runs: most are of the provider of the one before.
    void count(const etl::Record& record) {
        if (record.type != wire::HeaderType::kEvent32 && record.type != wire::HeaderType::kEvent64)
            return;
        last_ = record.provider;
        if (known_.contains(last_)) seen_.insert(last_);
    }

    const std::unordered_set<Guid>& known_;
    std::unordered_set<Guid> seen_;
    Guid last_;
};

}  // namespace

LogSurvey survey_log(etl::LogReader& log, const std::unordered_set<Guid>& known,
                     const std::function<bool(uint64_t)>& go_on) {
    const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxThreads);
    std::vector<Surveyor> surveyors(threads, Surveyor(known));
    std::vector<etl::RecordVisitor*> visitors;
    for (Surveyor& surveyor : surveyors) visitors.push_back(&surveyor);
    LogSurvey out;
    out.whole = log.survey(visitors, go_on);
    for (const Surveyor& surveyor : surveyors) {
        out.providers.insert(surveyor.seen().begin(), surveyor.seen().end());
    }
    return out;
}

}  // namespace etw::decode
