#include "cli/tracefmt_progress.h"

#include "base/platform.h"

#include <fmt/format.h>

#include <algorithm>

namespace etw::cli {
namespace {

std::string duration_text(double seconds) {
    const auto whole = uint64_t(seconds + 0.5);
    if (whole < 60) return fmt::format("{} s", whole);
    return fmt::format("{}:{:02} min", whole / 60, whole % 60);
}

}  // namespace

std::string progress_text(uint64_t events, uint64_t done_bytes, uint64_t all_bytes,
                          double seconds) {
    const double share = double(done_bytes) / double(std::max<uint64_t>(all_bytes, 1));
    std::string out =
        fmt::format("{:3.0f}%  {:.0f} events/s", share * 100, double(events) / seconds);
    if (done_bytes != 0) out += "  " + duration_text(seconds / share - seconds) + " left";
    return out;
}

Progress::Progress(const MergedLogs& logs) : logs_(logs), shown_(is_terminal(stderr)) {}

void Progress::update(uint64_t events) {
    if (!shown_) return;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    fmt::print(stderr, "\r{}\x1b[K",
               progress_text(events, logs_.consumed_bytes(), logs_.size_bytes(), seconds));
    drawn_ = true;
}

void Progress::clear() const {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
}

}  // namespace etw::cli
