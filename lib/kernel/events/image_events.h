// Image: which files processes have mapped to run, with their build ids; and the names of mapped
// files (FileIo) that other records refer to by number.
#pragma once
#include "kernel/dispatch.h"
#include "kernel/events/file_names.h"
#include "kernel/images/build_ids.h"
#include "kernel/tracefs/trace_clock.h"

#include <map>
#include <span>
#include <vector>

namespace etw::kernel {

struct Image {
    // Where the file's first byte lies or would lie: an address minus it is an offset in the file.
    uint64_t base = 0;
    uint64_t size = 0;    // from there to the end of what is mapped to run
    uint64_t inode = 0;   // 0: not known
    uint32_t device = 0;  // its number as the kernel has it, major << 20 | minor
    std::string path;
    BuildId build_id;
    uint64_t skipped = 0;  // from base to where what is mapped to run begins
};

constexpr uint32_t device_number(uint32_t major, uint32_t minor) { return major << 20 | minor; }

// What is mapped at an address, from `offset` on of the file; memory of no file, kAnonymous, is all
// there is of it.
constexpr std::string_view kAnonymous = "//anon";
Image image_of(uint64_t address, uint64_t length, uint64_t offset, std::string path);

// From /proc: what the process has mapped to run, and the kernel and its modules.
std::vector<Image> images_of(uint32_t pid);
std::vector<Image> kernel_images();

class ImageEvents {
public:
    ImageEvents(Context& context, FileNames& names) : context_(context), names_(names) {}

    // What a process has mapped, of which nothing is known yet; without build ids. What it maps and
    // unmaps meanwhile comes later, with its time.
    void look_at(uint32_t process, const CounterSource& counter);
    // What the kernel and all processes have mapped, where nothing is known yet; and the build ids
    // of all.
    void scan(const CounterSource& counter);
    void forget(uint32_t process) { images_.erase(process); }
    // How many of these addresses, from the first on, lie in code that the trace tells of; all of
    // them where it does not tell what the process has mapped.
    size_t count_code(uint32_t process, std::span<const uint64_t> addresses) const;
    // After a scan(), at this time, for a predecessor that was killed. What had gone by then of all
    // that it has told is not known here.
    void go_on_at(int64_t time) { gone_on_at_ = time; }

    struct Place {
        uint32_t process;
        int64_t time;
        uint32_t cpu;
        uint32_t thread = 0;  // 0: the process's first
    };
    void on_map(Image image, bool to_run, const Place& at);
    // What was mapped to run from there up to there has gone. An image goes with the last of it.
    // `of_files`: that something was is certain; where it is not known, its end is an event lost.
    void on_unmap(uint64_t from, uint64_t to, bool of_files, const Place& at);
    // An image as a whole has gone.
    void drop(uint64_t base, const Place& at);
    // The process has dropped its address space, for another program's or for good.
    void on_drop(const Place& at);
    void on_fork(uint32_t parent, const Place& at);
    void rundown(uint32_t flags, bool at_end, int64_t time);

private:
    struct Part {
        uint64_t from, to;

        bool meets(const Part& other) const { return from < other.to && other.from < to; }
    };
    struct Loaded {
        Image image;
        std::vector<Part> parts;  // that are mapped to run, none over another
        int64_t seen_at = 0;      // that /proc had it; 0: a mapping told it
        bool is_told = false;     // that it is loaded
    };
    using OfProcess = std::map<uint64_t, Loaded>;  // by base

    static void keep(OfProcess& in, Image image, int64_t seen_at);
    static void take_away(std::vector<Part>& parts, const Part& gone);
    bool has_been_seen(const Image& image, const Place& at);
    bool drop_under(const Image& image, const Place& at);
    void send_load(const Image& image, const Place& at);
    void name(const Image& image, const Place& at);
    void send(uint16_t hook, const Image& image, const Place& at);
    void send_build_id(const Image& image, const Place& at);

    Context& context_;
    FileNames& names_;
    BuildIds build_ids_;
    std::map<uint32_t, OfProcess> images_;  // by process
    std::vector<uint32_t> looked_at_;       // whose build ids are still to be found
    int64_t gone_on_at_ = 0;                // 0: there was no predecessor
};

}  // namespace etw::kernel
