// What Microsoft's own library found in logs of Windows, and what we find: names, counts, values.
#include "etw/decoder.h"
#include "etw/log_reader.h"
#include "support/shared_folder.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

namespace etw::decode {
namespace {

const std::string kFolder = etw::test::shared_folder() + "/data/etl/";

std::string full_name(const Event& event) {
    std::string out = std::string(event.provider) + '/' + std::string(event.name);
    if (!event.opcode.empty()) out += '/' + std::string(event.opcode);
    return out;
}

class Baseline : public testing::Test {
protected:
    void open(const std::string& log, const std::string& baseline) {
        if (!std::filesystem::exists(kFolder + log)) GTEST_SKIP() << "no " << kFolder + log;
        lines_.open(kFolder + baseline);
        auto catalog = std::make_shared<Catalog>();
        auto learnt = etl::LogReader::open(kFolder + log);
        ASSERT_TRUE(learnt);
        catalog->learn(*std::move(learnt));
        auto reader = etl::LogReader::open(kFolder + log);
        ASSERT_TRUE(reader);
        Decoder decoder(catalog);
        Event event;
        etl::Record record;
        while (reader->next(record)) {
            decoder.decode(record, event);
            ++counts_[full_name(event)];
            if (!event.added.stack.empty()) ++stacks_;
            if (visit_) visit_(record, event);
        }
    }
    // Names and counts of the events that manifests describe: those of the kernel have other names
    // there than the classes that Windows' tools show.
    void expect_counts(const std::set<std::string>& except) {
        std::string line;
        size_t compared = 0;
        const std::regex count("COUNT (.*):([0-9]+)");
        std::smatch parts;
        while (std::getline(lines_, line)) {
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (!std::regex_match(line, parts, count)) continue;
            const std::string name = parts[1];
            if (name.starts_with("Windows Kernel/") || name.starts_with("KernelTraceControl/") ||
                name.starts_with("MSNT_SystemTrace/") || except.contains(name)) {
                continue;
            }
            EXPECT_EQ(counts_[name], std::stoul(parts[2])) << name;
            ++compared;
        }
        EXPECT_GT(compared, 10u);
    }

    std::ifstream lines_;
    std::map<std::string, uint64_t> counts_;
    uint64_t stacks_ = 0;
    std::function<void(const etl::Record&, const Event&)> visit_;
};

uint64_t number(const Event& event, std::string_view field) {
    for (const Item& item : event.items) {
        if (item.kind != Item::Kind::kValue || item.field->name != field) continue;
        uint64_t value = 0;
        std::memcpy(&value, item.bytes.data(), std::min<size_t>(item.bytes.size(), 8));
        return value;
    }
    ADD_FAILURE() << "no field " << field;
    return 0;
}

TEST_F(Baseline, EventsOfTheRuntimeHaveTheNamesCountsAndValues) {
    size_t checked = 0;
    visit_ = [&](const etl::Record&, const Event& event) {
        EXPECT_NE(event.outcome, Outcome::kUnknown) << full_name(event);
        const std::string name = full_name(event).substr(event.provider.size() + 1);
        if (name == "GC/GlobalHeapHistory" && number(event, "CondemnedGeneration") == 1) {
            EXPECT_EQ(number(event, "FinalYoungestDesired"), 4'677'560u);
            EXPECT_EQ(number(event, "MemoryPressure"), 59u);
            EXPECT_EQ(number(event, "Count"), 8u);
            ++checked;
        } else if (name == "GC/FitBucketInfo") {
            EXPECT_EQ(number(event, "TotalSize"), 310'848u);
            EXPECT_EQ(number(event, "Count"), 9u);
            EXPECT_TRUE(event.rest.empty());
            ++checked;
        } else if (name == "GC/HeapStats" && checked == 3) {
            EXPECT_EQ(number(event, "GenerationSize0"), 584u);
            EXPECT_EQ(number(event, "GenerationSize4"), 16'368u);
            EXPECT_EQ(number(event, "GCHandleCount"), 53u);
            ++checked;
        } else if (name == "Runtime/Start") {
            EXPECT_EQ(number(event, "VMQfeNumber"), 42'424u);
            EXPECT_EQ(number(event, "StartupFlags"), 8'388'611u);
            ++checked;
        }
    };
    open("microsoft.gcevents.etl", "gcevents.baseline.txt");
    if (IsSkipped()) return;
    EXPECT_EQ(checked, 4u);
    expect_counts({});
}

TEST_F(Baseline, AMergedLogDescribesItsEventsAndHasTheirStacks) {
    size_t views = 0;
    visit_ = [&](const etl::Record&, const Event& event) {
        if (event.provider == "Microsoft-Windows-Kernel-File") {
            EXPECT_EQ(event.items.size(), 7u);
            EXPECT_EQ(event.items.at(6).field->name, "FileName");
            ++views;
        }
    };
    open("microsoft.net.4.5.2.x86.etl", "net.4.5.2.x86.baseline.txt");
    if (IsSkipped()) return;
    EXPECT_EQ(views, 968u);
    // Microsoft's library leaves out those of a process that had ended.
    expect_counts({"Microsoft-Windows-DotNETRuntime/Method/LoadVerbose"});
    EXPECT_EQ(counts_["Microsoft-Windows-DotNETRuntime/Method/LoadVerbose"], 405u);
    EXPECT_EQ(counts_["Microsoft-Windows-DotNETRuntime/ClrStack/Walk"], 5206u);
    EXPECT_EQ(stacks_, 10'884u);
}

// Every stack record of a log belongs to an event that is in it.
TEST_F(Baseline, EveryStackFindsItsEvent) {
    std::set<std::pair<int64_t, uint32_t>> wanted, found;
    visit_ = [&](const etl::Record& record, const Event& event) {
        if (event.name == "StackWalk" && event.opcode.starts_with("Stack")) {
            wanted.emplace(int64_t(number(event, "EventTimeStamp")),
                           uint32_t(number(event, "StackThread")));
        } else if (!event.added.stack.empty() && record.extended.empty()) {
            found.emplace(record.time_stamp, 0);
        }
    };
    open("microsoft.net.4.5.2.x86.etl", "net.4.5.2.x86.baseline.txt");
    if (IsSkipped()) return;
    size_t missing = 0;
    for (const auto& [time, thread] : wanted) missing += found.contains({time, 0}) ? 0 : 1;
    EXPECT_GT(wanted.size(), 8000u);
    EXPECT_EQ(missing, 0u);
}

}  // namespace
}  // namespace etw::decode
