#include "base/clear_range.h"

#include <fcntl.h>

#include <cerrno>

namespace etw {

Status clear_range(File& file, uint64_t from, uint64_t to) {
    if (from >= to) return Ok{};
    int done = 0;
    do {
        done = ::fallocate(file.fd().get(), FALLOC_FL_ZERO_RANGE, off_t(from), off_t(to - from));
    } while (done != 0 && errno == EINTR);
    return done == 0 ? Status(Ok{}) : write_zeros(file, from, to);
}

}  // namespace etw
