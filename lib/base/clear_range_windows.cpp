#include "base/clear_range.h"

namespace etw {

Status clear_range(File& file, uint64_t from, uint64_t to) { return write_zeros(file, from, to); }

}  // namespace etw
