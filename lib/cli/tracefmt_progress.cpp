#include "cli/tracefmt_progress.h"

#include "base/platform.h"
#include "cli/cli.h"

#include <fmt/format.h>

#include <algorithm>

namespace etw::cli {
namespace {

std::string duration_text(double seconds) {
    const auto whole = uint64_t(seconds + 0.5);
    if (whole < 60) return fmt::format("{} s", whole);
    return fmt::format("{}:{:02} min", whole / 60, whole % 60);
}

std::string with_rest(std::string_view what, uint64_t done, uint64_t all, double seconds) {
    const double share = double(done) / double(std::max<uint64_t>(all, 1));
    std::string out = fmt::format("{:3.0f}%  {}", share * 100, what);
    if (done != 0) out += "  " + duration_text(seconds / share - seconds) + " left";
    return out;
}

}  // namespace

std::string progress_text(uint64_t events, uint64_t done_bytes, uint64_t all_bytes,
                          double seconds) {
    return with_rest(fmt::format("{:.0f} events/s", double(events) / seconds), done_bytes,
                     all_bytes, seconds);
}

std::string looking_text(uint64_t done, uint64_t all, double seconds) {
    return with_rest("looking through the log", done, all, seconds);
}

Progress::Progress() : shown_(is_terminal(stderr)) {}

void Progress::update(uint64_t events, uint64_t done_bytes, uint64_t all_bytes) {
    if (is_due()) draw(progress_text(events, done_bytes, all_bytes, seconds()));
}

void Progress::looking(uint64_t done, uint64_t all) {
    if (done < looked_at_) start_ = Clock::now();  // the next log
    looked_at_ = done;
    if (is_due()) draw(looking_text(done, all, seconds()));
}

bool Progress::is_due() {
    if (!shown_) return false;
    const auto now = Clock::now();
    if (now - last_ < std::chrono::milliseconds(200)) return false;
    last_ = now;
    return true;
}

double Progress::seconds() const { return std::chrono::duration<double>(last_ - start_).count(); }

void Progress::draw(const std::string& text) {
    say(stderr, "\r{}\x1b[K", text);
    drawn_ = true;
}

void Progress::clear() const {
    if (drawn_) say(stderr, "\r\x1b[K");
}

}  // namespace etw::cli
