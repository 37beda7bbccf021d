// Streams, records and sessions for the host's tests, and what comes out of the logs again.
#pragma once
#include "etw/log_reader.h"
#include "host/recording/drain.h"
#include "support/shared_folder.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace etw::host {

class TempFolder {
public:
    TempFolder() {
        char name[] = "/tmp/etw-host-XXXXXX";
        path_ = ::mkdtemp(name);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// An event with one u64 of payload.
struct NumberedEvent {
    wire::EventHeader header;
    uint64_t number;
};
static_assert(sizeof(NumberedEvent) == 88);

inline NumberedEvent numbered(uint64_t number, int64_t time = 0) {
    NumberedEvent event{};
    event.header.size = sizeof(event);
    event.header.header_type = uint8_t(wire::HeaderType::kEvent64);
    event.header.marker = wire::kMarkerEvent;
    event.header.process_id = 4711;
    event.header.time_stamp = time;
    event.number = number;
    return event;
}

inline Bytes bytes_of(const NumberedEvent& event) { return std::as_bytes(std::span(&event, 1)); }

constexpr uint32_t kTimeOffset = offsetof(wire::EventHeader, time_stamp);

inline SavedSession test_session(uint32_t cpus = 2, uint32_t blocks = 4) {
    SavedSession saved;
    saved.key = {3, 0, 0xE90C};
    saved.geometry = {cpus, blocks, 4096, 0};
    saved.properties.name = "test";
    saved.properties.log_file = "test.etl";
    saved.properties.buffer_size_kb = 4;
    saved.counter_hz = 1'000'000'000;
    saved.start_counter = counter_now();
    saved.start_filetime = 133'000'000'000'000'000;
    return saved;
}

inline std::shared_ptr<Stream> test_stream(uint32_t uid, const wire::RingGeometry& geometry) {
    auto rings = ring::RingSet::create(geometry);
    return rings ? *Stream::make(uid, std::move(*rings)) : nullptr;
}

// Gives a user rings in the session; what writes into them.
inline StreamWriter add_user(Drain& drain, uint32_t uid, const wire::RingGeometry& geometry) {
    const auto stream = test_stream(uid, geometry);
    ETW_ASSERT(drain.add_stream(stream));
    return *StreamWriter::over(*stream);
}

// Numbered events with the time of now; returns how many found room.
inline uint64_t append(StreamWriter& writer, uint32_t cpu, uint64_t first, uint64_t count) {
    uint64_t written = 0;
    for (uint64_t i = 0; i < count; ++i) {
        const NumberedEvent event = numbered(first + i);
        written += writer.append(cpu, bytes_of(event), kTimeOffset, counter_now()) ? 1 : 0;
    }
    return written;
}

// The drain of a session whose log and checkpoint are in `folder`, from the start ...
inline std::unique_ptr<Drain> begin_drain(const TempFolder& folder, const SavedSession& saved) {
    auto file = File::create(folder.file("test.etl"), true);
    Progress progress(saved.geometry.cpus);
    progress.file = *identity_of(file->fd().get());
    progress.path = folder.file("test.etl");
    UniqueFd fd(::dup(file->fd().get()));
    auto log = begin_log(std::move(fd), saved, "test.etl", false);
    auto checkpoint = Checkpoint::create(folder.file("checkpoint"), saved.geometry.cpus);
    return std::make_unique<Drain>(saved, std::move(*log), std::move(*checkpoint),
                                   std::move(progress));
}

// ... with a log that is still to be begun ...
inline std::unique_ptr<Drain> awaiting_drain(const TempFolder& folder, const SavedSession& saved,
                                             LogBegin begin) {
    Progress progress(saved.geometry.cpus);
    progress.path = folder.file("test.etl");
    progress.begin = begin;
    auto checkpoint = Checkpoint::create(folder.file("checkpoint"), saved.geometry.cpus);
    return std::make_unique<Drain>(saved, std::nullopt, std::move(*checkpoint),
                                   std::move(progress));
}

// ... or from where a killed one stopped.
inline std::unique_ptr<Drain> resume_drain(const TempFolder& folder, const SavedSession& saved) {
    auto checkpoint = Checkpoint::open(folder.file("checkpoint"), saved.geometry.cpus);
    auto progress = checkpoint->load();
    auto file = File::create(folder.file("test.etl"), false);
    auto log = resume_log(UniqueFd(::dup(file->fd().get())), saved, *progress);
    return std::make_unique<Drain>(saved, std::move(*log), std::move(*checkpoint),
                                   std::move(*progress));
}

inline void drain_all(Drain& drain, Drain::Depth depth = Drain::Depth::kAll) {
    while (true) {
        const auto outcome = drain.pass(depth);
        ASSERT_TRUE(outcome);
        if (*outcome != Drain::Outcome::kWrote) return;
    }
}

struct ReadEvent {
    uint64_t number;
    int64_t time;
    uint16_t cpu;
};

// The numbered events of a log, in the order they stand in its time line.
inline std::vector<ReadEvent> read_events(const std::string& path) {
    std::vector<ReadEvent> out;
    auto reader = etl::LogReader::open(path);
    if (!reader) return out;
    etl::Record record;
    while (reader->next(record)) {
        if (record.type != wire::HeaderType::kEvent64 || record.payload.size() < 8) continue;
        ReadEvent event{0, record.time_stamp, record.cpu};
        std::memcpy(&event.number, record.payload.data(), sizeof(event.number));
        out.push_back(event);
    }
    EXPECT_EQ(reader->damage().first, "");
    return out;
}

inline std::vector<uint64_t> numbers_of(const std::vector<ReadEvent>& events) {
    std::vector<uint64_t> out;
    for (const ReadEvent& event : events) out.push_back(event.number);
    std::sort(out.begin(), out.end());
    return out;
}

inline std::vector<uint64_t> first_numbers(uint64_t count) {
    std::vector<uint64_t> out(count);
    for (uint64_t i = 0; i < count; ++i) out[i] = i;
    return out;
}

// Empty where the checker is not there; otherwise what it found wrong ("{}": nothing).
inline std::string strict_violations(const std::string& path) {
    const std::string checker = test::shared_folder() + "/tools/etlcheck.py";
    if (::access(checker.c_str(), R_OK) != 0 || std::system("python3 -V >/dev/null 2>&1") != 0) {
        return {};
    }
    const std::string command = "python3 " + checker + " --strictest " + path;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string text;
    char buffer[4096];
    while (const size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, n);
    ::pclose(pipe);
    const std::string key = "\"violations\": ";
    const size_t at = text.find(key);
    if (at == std::string::npos) return "no verdict: " + text;
    return text.substr(at + key.size(), text.find(", \"seconds\"", at) - at - key.size());
}

#define EXPECT_SOUND_LOG(path)                                                  \
    do {                                                                        \
        const std::string found = ::etw::host::strict_violations(path);         \
        EXPECT_TRUE(found.empty() || found == "{}") << (path) << ": " << found; \
    } while (false)

}  // namespace etw::host
