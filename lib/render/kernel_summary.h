// What a log of kernel events says of processes, disks and connections, in sum.
#pragma once
#include "etw/event.h"
#include "etw/log_reader.h"

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace etw::render {

struct ProcessRow {
    uint32_t id = 0;
    std::string name;
    std::optional<int32_t> exit_status;  // of one that has ended
    uint64_t switches = 0;               // to its threads
    uint64_t read = 0, written = 0;      // bytes of files
    uint64_t received = 0, sent = 0;     // bytes of connections
};
struct DiskRow {
    uint32_t number = 0;
    std::string model;
    uint64_t reads = 0, read = 0;  // how many, and their bytes
    uint64_t writes = 0, written = 0;
    uint64_t flushes = 0;
};
struct ConnectionRow {
    uint32_t process = 0;
    bool is_tcp = false;        // else UDP
    std::string local, remote;  // "10.0.0.1:80", "[::1]:80"
    uint64_t received = 0, sent = 0;
};

class KernelSummary {
public:
    // In any order: threads add each their part of a log, and merge them.
    void add(const etl::Record& record, const decode::Event& event);
    void merge(const KernelSummary& other);

    // By id, number and ends. Of the processes those that the log says anything of but that they
    // were there.
    std::vector<ProcessRow> processes() const;
    std::vector<DiskRow> disks() const;
    std::vector<ConnectionRow> connections() const;
    // The same as tables for people; empty where the log has nothing for them.
    std::string text() const;

private:
    // A log can name as many ids as it has records. The lowest are kept: those that come first
    // would be others for each number of threads.
    static constexpr size_t kMaxRows = 65'536;

    // Of several values that of the latest record counts, and of those at one time the greatest: so
    // that it does not matter which thread adds which of them.
    template <class T>
    struct Latest {
        std::optional<T> value;
        int64_t time = 0;

        void set(int64_t at, T v) {
            if (value && std::tie(time, *value) >= std::tie(at, v)) return;
            time = at;
            value = std::move(v);
        }
        void merge(const Latest& other) {
            if (other.value) set(other.time, *other.value);
        }
    };

    struct Bytes2 {
        uint64_t in = 0, out = 0;
    };
    struct Process {
        // A process begins as a copy of another one: as it ends it has its own name. The first
        // start counts, so that the times of `first_name` are turned around (~time).
        Latest<std::string> name, first_name;
        Latest<int32_t> exit_status;
        bool started = false;
        Bytes2 net;
    };
    struct Thread {
        Latest<uint32_t> process;
        uint64_t switches = 0;
        Bytes2 files;
    };
    struct Disk {
        Latest<std::string> model;
        uint64_t reads = 0, writes = 0, flushes = 0;
        Bytes2 bytes;  // read, written
    };
    struct End {
        std::array<std::byte, 16> address{};
        uint16_t port = 0;  // as in the record
        auto operator<=>(const End&) const = default;
    };
    struct Link {
        uint8_t group = 0;  // of the hook: TcpIp or UdpIp
        bool is_v6 = false;
        uint32_t process = 0;
        End local, remote;
        auto operator<=>(const Link&) const = default;
    };

    void add_process(const etl::Record& record, const decode::Event& event);
    void add_disk(const etl::Record& record, const decode::Event& event);
    void add_link(const etl::Record& record, const decode::Event& event);
    template <class Key, class Row>
    static Row* row_of(std::map<Key, Row>& rows, const Key& key);
    Thread* thread_row(uint32_t id);
    void keep_low_threads(size_t rows);

    std::map<uint32_t, Process> processes_;
    std::unordered_map<uint32_t, Thread> threads_;  // up to twice the rows, until they are merged
    uint32_t threads_end_ = UINT32_MAX;             // from here on they are left out
    std::map<uint32_t, Disk> disks_;
    std::map<Link, Bytes2> links_;
};

}  // namespace etw::render
