// The numbers that records refer to files by, and the names that FileIo records give them.
#pragma once
#include "kernel/events/record_builder.h"

#include <map>
#include <string>
#include <unordered_map>

namespace etw::kernel {

class FileNames {
public:
    // `longest_record`: of those that tell names.
    explicit FileNames(size_t longest_record = LongRecordBuilder::kMaxSize)
        : longest_record_(longest_record) {}

    // The number of a file: its inode's, unless a file of another device has that already.
    uint64_t key(uint32_t device, uint64_t inode);
    // 0: not known.
    uint64_t find_key(uint32_t device, uint64_t inode) const;
    // The number of whatever has or had this path; one of its own, if nothing is known of it.
    uint64_t key_of_path(const std::string& path);

    // The file is, or is now, called so.
    void learn(uint64_t key, const std::string& path);
    // Null: not known.
    const std::string* path(uint64_t key) const;
    // With all that lies in it, if it is a folder.
    void rename(const std::string& from, const std::string& to);
    // No path leads to it any more; its name stays.
    void unlink(const std::string& path) { keys_.erase(path); }

    // Puts the name into the trace, unless it stands there.
    void tell(uint64_t key, RecordSink& sink, int64_t time, uint32_t cpu);
    // All names that were told, once more.
    void rundown(RecordSink& sink, int64_t time) const;

private:
    struct Name {
        std::string path;
        bool told = false;
    };
    void make_room();

    size_t longest_record_;
    std::map<std::pair<uint32_t, uint64_t>, uint64_t> files_;  // key by device and inode
    std::unordered_map<uint64_t, Name> names_;                 // by key
    std::map<std::string, uint64_t> keys_;                     // by path
    uint64_t last_made_ = uint64_t{1} << 63;                   // above all inodes
};

}  // namespace etw::kernel
