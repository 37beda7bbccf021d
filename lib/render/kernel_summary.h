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
#include <unordered_map>

namespace etw::render {

class KernelSummary {
public:
    // In any order: threads add each their part of a log, and merge them.
    void add(const etl::Record& record, const decode::Event& event);
    void merge(const KernelSummary& other);

    // Tables for people; empty where the log has nothing for them.
    std::string text() const;

private:
    // A log can name as many ids as it has records: those after these many are not kept.
    static constexpr size_t kMaxRows = 65'536;

    struct Bytes2 {
        uint64_t in = 0, out = 0;
    };
    struct Process {
        std::string name;
        std::optional<int32_t> exit_status;
        bool started = false;
        Bytes2 net;
    };
    struct Thread {
        std::optional<uint32_t> process;
        uint64_t switches = 0;
        Bytes2 files;
    };
    struct Disk {
        std::string model;
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
    template <class Map>
    static typename Map::mapped_type* row_of(Map& map, const typename Map::key_type& key);
    void put_processes(std::string& out) const;
    void put_disks(std::string& out) const;
    void put_links(std::string& out) const;

    std::map<uint32_t, Process> processes_;
    std::unordered_map<uint32_t, Thread> threads_;
    std::map<uint32_t, Disk> disks_;
    std::map<Link, Bytes2> links_;
};

}  // namespace etw::render
