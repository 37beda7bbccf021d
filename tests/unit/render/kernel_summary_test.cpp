#include "render/kernel_summary.h"

#include "described.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <span>
#include <sstream>
#include <vector>

namespace etw::render {
namespace {

using decode::Format;
using test::Described;

class KernelLog : public testing::Test {
protected:
    Described& event(uint16_t hook) {
        events_.push_back(std::make_unique<Described>());
        events_.back()->record.hook_id = hook;
        return *events_.back();
    }
    void process(uint16_t hook, uint32_t id, std::string_view name, int32_t exit = 259) {
        event(hook)
            .value("ProcessId", Format::kUnsigned, id)
            .value("ExitStatus", Format::kSigned, exit)
            .text("ImageFileName", name);
    }
    void thread(uint32_t process, uint32_t id) {
        event(0x0501)
            .value("ProcessId", Format::kUnsigned, process)
            .value("TThreadId", Format::kUnsigned, id);
    }
    void link(uint16_t hook, uint32_t process, uint32_t size) {
        event(hook)
            .value("PID", Format::kUnsigned, process)
            .value("size", Format::kUnsigned, size)
            .value("daddr", Format::kIpv4, std::array<uint8_t, 4>{10, 0, 0, 2})
            .value("saddr", Format::kIpv4, std::array<uint8_t, 4>{10, 0, 0, 1})
            .value("dport", Format::kPort, std::array<uint8_t, 2>{0, 80})
            .value("sport", Format::kPort, std::array<uint8_t, 2>{16, 0});
    }
    // As two threads make it of a log's halves.
    std::string text() {
        KernelSummary halves[2];
        for (size_t i = 0; i < events_.size(); ++i) {
            halves[i % 2].add(events_[i]->record, events_[i]->event);
        }
        halves[0].merge(halves[1]);
        return halves[0].text();
    }
    // Of the line with this in it, the words.
    static std::vector<std::string> words(const std::string& text, const std::string& with) {
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            std::istringstream in(line);
            std::vector<std::string> out{std::istream_iterator<std::string>(in), {}};
            if (std::find(out.begin(), out.end(), with) != out.end()) return out;
        }
        return {};
    }

    std::vector<std::unique_ptr<Described>> events_;
};

TEST_F(KernelLog, OfOtherEventsHasNothingToSay) {
    event(0);
    EXPECT_EQ(text(), "");
}

TEST_F(KernelLog, AProcessHasWhatItsThreadsDid) {
    process(0x0301, 7, "shell");
    process(0x0302, 7, "make", 2);
    process(0x0303, 8, "asleep");
    thread(7, 7);
    thread(7, 9);
    for (const uint32_t to : {7u, 9u, 9u}) {
        Described& e = event(0x0524);
        e.value("NewThreadId", Format::kUnsigned, to);
        e.record.payload = e.event.items[0].bytes;
    }
    event(0x0443)
        .value("TTID", Format::kUnsigned, uint32_t{9})
        .value("IoSize", Format::kUnsigned, uint32_t{100});
    event(0x0444)
        .value("TTID", Format::kUnsigned, uint32_t{7})
        .value("IoSize", Format::kUnsigned, uint32_t{50});
    const auto row = words(text(), "7");
    EXPECT_EQ(row, (std::vector<std::string>{"7", "make", "2", "3", "100", "50", "0", "0"}));
    EXPECT_EQ(text().find("asleep"), std::string::npos);
}

TEST_F(KernelLog, LongNamesShiftNoColumn) {
    const std::string longest(40, 'x');
    process(0x0301, 7, longest);
    process(0x0301, 8, "sh");
    process(0x0301, 9, "\u6771\u4eac\u00e9");  // two places each, and one
    std::vector<size_t> ends;
    std::istringstream lines(text());
    for (std::string line; std::getline(lines, line);) {
        // The bytes of the last name that take no place.
        const size_t more = line.find("\u6771") == std::string::npos ? 0 : 3;
        ends.push_back(line.size() - more);
    }
    ASSERT_EQ(ends.size(), 4u);
    EXPECT_EQ(ends, std::vector<size_t>(4, ends[0]));
}

// Whichever thread adds an event, and whichever is merged into which.
TEST_F(KernelLog, TellsTheSameInAnyOrder) {
    const auto at = [&](int64_t time) { events_.back()->record.time_stamp = time; };
    process(0x0301, 7, "shell"), at(1);
    process(0x0302, 7, "make", 2), at(2);
    process(0x0301, 7, "login"), at(3);
    process(0x0302, 7, "cc", 3), at(4);
    process(0x0304, 8, "daemon"), at(5);
    process(0x0301, 8, "fork"), at(0);
    thread(7, 71), at(1);
    thread(8, 71), at(2);  // another thread of that number
    Described& e = event(0x0524);
    e.value("NewThreadId", Format::kUnsigned, uint32_t{71});
    e.record.payload = e.event.items[0].bytes;
    event(0x0B0B).value("DiskNumber", Format::kUnsigned, uint32_t{5}).text("Manufacturer", "M1");
    event(0x0B0B).value("DiskNumber", Format::kUnsigned, uint32_t{5}).text("Manufacturer", "M2");
    at(9);
    const std::string before = text();
    EXPECT_EQ(words(before, "7"),
              (std::vector<std::string>{"7", "cc", "3", "0", "0", "0", "0", "0"}));
    EXPECT_EQ(words(before, "8"),
              (std::vector<std::string>{"8", "daemon", "-", "1", "0", "0", "0", "0"}));
    EXPECT_FALSE(words(before, "M2").empty());
    for (int turn = 0; turn < 20; ++turn) {
        std::rotate(events_.begin(), events_.begin() + 1, events_.end());
        std::swap(events_[size_t(turn) % 7], events_.back());
        EXPECT_EQ(text(), before);
    }
}

// More than are kept: the same ones are, whoever saw them first.
TEST_F(KernelLog, KeepsTheSameOfTooManyInAnyOrder) {
    const auto summary_of = [](bool upwards) {
        constexpr uint32_t kMany = 150'000;
        KernelSummary out;
        Described e;
        e.record.hook_id = 0x0524;
        for (uint32_t i = 0; i < kMany; ++i) {
            const uint32_t id = upwards ? i : kMany - 1 - i;
            e.record.payload = std::as_bytes(std::span(&id, 1));
            out.add(e.record, e.event);
        }
        for (uint32_t i = 0; i < kMany; ++i) {
            Described start;
            start.record.hook_id = 0x0301;
            start.value("ProcessId", Format::kUnsigned, upwards ? i : kMany - 1 - i);
            start.text("ImageFileName", "p");
            out.add(start.record, start.event);
        }
        KernelSummary all;
        all.merge(out);
        return all.text();
    };
    const std::string text = summary_of(true);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 65'537);
    EXPECT_TRUE(summary_of(false) == text);
}

TEST_F(KernelLog, ADiskHasItsModelAndSums) {
    event(0x0B0B).value("DiskNumber", Format::kUnsigned, uint32_t{5}).text("Manufacturer", "M1");
    for (int i = 0; i < 3; ++i) {
        event(0x010A)
            .value("DiskNumber", Format::kUnsigned, uint32_t{5})
            .value("TransferSize", Format::kUnsigned, uint32_t{512});
    }
    event(0x010E).value("DiskNumber", Format::kUnsigned, uint32_t{5});
    EXPECT_EQ(words(text(), "M1"),
              (std::vector<std::string>{"5", "M1", "3", "1536", "0", "0", "1"}));
}

TEST_F(KernelLog, AConnectionHasItsEndsAndBytes) {
    link(0x060C, 7, 0);
    link(0x060A, 7, 10);
    link(0x060A, 7, 20);
    link(0x060B, 7, 5);
    EXPECT_EQ(words(text(), "TCP"),
              (std::vector<std::string>{"7", "TCP", "10.0.0.1:4096", "10.0.0.2:80", "5", "30"}));
}

}  // namespace
}  // namespace etw::render
