#include "base/next_data.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace etw {

uint64_t next_data(const File& file, uint64_t offset, uint64_t size) {
    const off_t found = ::lseek(file.fd().get(), off_t(offset), SEEK_DATA);
    if (found < 0) return errno == ENXIO ? size : offset;
    return std::clamp(uint64_t(found), offset, std::max(offset, size));
}

}  // namespace etw
