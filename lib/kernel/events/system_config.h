// SystemConfig: the machine that a trace is of, so that the numbers of its disks and the rest of
// its records can be understood elsewhere.
#pragma once
#include "kernel/events/record_builder.h"

#include <string>
#include <vector>

namespace etw::kernel {

struct Partition {
    uint32_t number = 0;
    uint64_t start = 0;  // bytes from the disk's beginning
    uint64_t size = 0;
    std::string name;         // "sda1"
    std::string file_system;  // empty: it is not mounted
    uint64_t block_size = 0;  // of a file system that is; likewise
    uint64_t blocks = 0;
    uint64_t free_blocks = 0;
};

struct Disk {
    uint32_t number = 0;  // as in DiskIo
    uint32_t sector_size = 512;
    uint64_t size = 0;
    std::string model;
    bool writes_back = false;
    std::vector<Partition> partitions;  // a disk without: itself, as number 0
};

// From /sys/block, without those that are in memory or made of others.
std::vector<Disk> find_disks();

// Everything there is, as the trace begins.
void send_system_config(RecordSink& sink, int64_t time);

}  // namespace etw::kernel
