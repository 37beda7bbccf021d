#include "etl/byte_source.h"

#include "base/next_data.h"

namespace etw::etl {

std::span<std::byte> Storage::reserve(size_t size) {
    if (size > size_) {
        bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
        size_ = size;
    }
    return {bytes_.get(), size_};
}

void Storage::release() noexcept {
    bytes_.reset();
    size_ = 0;
}

Result<ByteSource> ByteSource::open(const std::string& path) {
    ETW_TRY(File file, File::open_read(path));
    ETW_TRY(const uint64_t size, file.size());
    return ByteSource(std::move(file), size);
}

Result<Bytes> ByteSource::read(uint64_t offset, size_t size, Storage& storage) const {
    if (offset > size_ || size > size_ - offset) {
        return Error{Code::kInvalidData, "read: end of file", offset};
    }
    if (!file_) return memory_.subspan(offset, size);
    const std::span<std::byte> out = storage.reserve(size).first(size);
    ETW_CHECK(file_.read_at(offset, out));
    return Bytes(out);
}

uint64_t ByteSource::next_data(uint64_t offset) const {
    return file_ ? etw::next_data(file_, offset, size_) : offset;
}

}  // namespace etw::etl
