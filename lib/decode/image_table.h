// What a log says of where programs, libraries and the kernel lay in memory, and which process a
// thread belonged to: so that an address of an event can be told by module and offset.
#pragma once
#include "etw/log_reader.h"

#include <map>
#include <string>
#include <vector>

namespace etw::decode {

// A file that was mapped to run.
struct Module {
    std::string path;                 // as the log has it; "[kernel]" and "[name]" of the kernel's
    std::vector<std::byte> build_id;  // its first 16 bytes; empty: the log does not tell it
};

class ImageTable {
public:
    // Whether a record is one that add() does something with.
    static bool tells_something(const etl::Record& record) noexcept;
    // Takes what a record says of images and threads; others are passed over. In order of time.
    void add(const etl::Record& record);

    // Forgets what has ended, so that there is room for what a session without an end still tells.
    void drop_ended();

    bool empty() const noexcept { return images_.empty(); }
    bool full() const noexcept { return bytes_ > kMaxBytes; }
    const std::vector<Module>& modules() const noexcept { return modules_; }

    struct Place {
        uint32_t module;  // index
        uint64_t offset;  // of the address from where the module's first byte lay
        uint64_t base;
    };
    // Where an address of a process was at a time (as records have it). Addresses of the kernel are
    // the same in all. False: the log does not say.
    bool find(uint32_t process, int64_t time, uint64_t address, Place& out) const;

    static constexpr uint32_t kNoProcess = UINT32_MAX;  // as headers have it that do not name one
    // Whose a thread was at a time.
    uint32_t process_of(uint32_t thread, int64_t time) const;

private:
    // A log of any size must not fill the memory: what is beyond is left out.
    static constexpr size_t kMaxBytes = size_t{64} << 20;

    struct Image {
        uint64_t size;
        int64_t from, to;
        uint32_t module;
    };
    struct Life {
        int64_t from;
        uint32_t process;
    };
    struct Mapped {
        uint64_t base;
        uint64_t size;
        uint32_t process;
        std::string path;
    };
    static bool parse(const etl::Record& record, Mapped& out);
    void add_image(const etl::Record& record);
    void add_build_id(const etl::Record& record);
    uint32_t module_of(std::string path, Bytes build_id);
    bool find_in(uint32_t process, int64_t time, uint64_t address, Place& out) const;

    std::vector<Module> modules_;
    std::map<std::pair<std::string, std::vector<std::byte>>, uint32_t> by_name_;
    std::map<uint32_t, std::multimap<uint64_t, Image>> images_;  // by process and base
    std::map<uint32_t, std::vector<Life>> threads_;              // by time
    size_t bytes_ = 0;
};

}  // namespace etw::decode
