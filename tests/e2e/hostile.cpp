// A hostile traced program for the end-to-end tests: registers like any other, then scribbles over
// every ring it was handed and tries to shrink, grow and unseal its memory.
//
//   etw-test-hostile [SECONDS]      prints "attacked N rings" when it has done its worst
#include <TraceLoggingProvider.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

TRACELOGGING_DEFINE_PROVIDER(g_provider, "Openetw.Test.Writer",
                             // {5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e01}
                             (0x5f1c0b0e, 0x6e5e, 0x4f57, 0x9a, 0x36, 0x0d, 0x5a, 0x1c, 0x6f, 0x7e,
                              0x01));

namespace {

struct Region {
    uint64_t* words;
    size_t count;
};

// Writable shared mappings of memory files: the rings.
std::vector<Region> find_rings() {
    std::vector<Region> rings;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("memfd:") == std::string::npos || line.find("rw-s") == std::string::npos)
            continue;
        std::istringstream text(line);
        uintptr_t first = 0, last = 0;
        char dash = 0;
        text >> std::hex >> first >> dash >> last;
        rings.push_back({reinterpret_cast<uint64_t*>(first), (last - first) / 8});
    }
    return rings;
}

void attack_descriptors() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(entry.path(), gone);
        if (gone || target.string().find("memfd:") == std::string::npos) continue;
        const int fd = std::atoi(entry.path().filename().c_str());
        if (ftruncate(fd, 0) == 0) std::puts("shrunk");
        if (ftruncate(fd, int64_t{1} << 40) == 0) std::puts("grown");
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
    TraceLoggingRegister(g_provider);
    std::mt19937_64 random{static_cast<uint64_t>(getpid())};
    std::vector<Region> rings;
    timespec start{}, now{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (unsigned n = 0; n < 100; ++n) {
            TraceLoggingWrite(g_provider, "Numbered", TraceLoggingLevel(4), TraceLoggingKeyword(1),
                              TraceLoggingUInt32(0, "thread"), TraceLoggingUInt64(n, "sequence"),
                              TraceLoggingString("a", "fill"));
        }
        rings = find_rings();
        for (const Region& ring : rings) {
            for (int n = 0; n < 2000; ++n) {
                // Mostly the control words, where a lie does most harm.
                const size_t range = n % 2 == 0 ? ring.count : size_t{1024};
                const uint64_t lies[] = {random(), ~uint64_t{0}, 0, random() % 4096};
                ring.words[random() % range] = lies[random() % 4];
            }
        }
        attack_descriptors();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (double(now.tv_sec - start.tv_sec) + double(now.tv_nsec - start.tv_nsec) / 1e9 <
             seconds);
    std::printf("attacked %zu rings\n", rings.size());
    return 0;
}
