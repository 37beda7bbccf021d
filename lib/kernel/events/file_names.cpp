#include "kernel/events/file_names.h"

#include <vector>

namespace etw::kernel {
namespace {

constexpr uint16_t kFileName = 0x0400;
constexpr uint16_t kFileRundown = 0x0424;
constexpr size_t kMaxNames = size_t{1} << 20;

}  // namespace

// Files are not forgotten as they are closed or deleted. Where there are too many, those that come
// up again are told again.
void FileNames::make_room() {
    if (names_.size() < kMaxNames && files_.size() < kMaxNames) return;
    files_.clear();
    names_.clear();
    keys_.clear();
}

uint64_t FileNames::key(uint32_t device, uint64_t inode) {
    if (const auto known = files_.find({device, inode}); known != files_.end()) {
        return known->second;
    }
    make_room();
    const uint64_t key = names_.contains(inode) ? ++last_made_ : inode;
    names_.try_emplace(key);
    return files_[{device, inode}] = key;
}

uint64_t FileNames::find_key(uint32_t device, uint64_t inode) const {
    const auto found = files_.find({device, inode});
    return found == files_.end() ? 0 : found->second;
}

uint64_t FileNames::key_of_path(const std::string& path) {
    if (const auto known = keys_.find(path); known != keys_.end()) return known->second;
    make_room();
    const uint64_t key = ++last_made_;
    learn(key, path);
    return key;
}

void FileNames::learn(uint64_t key, const std::string& path) {
    keys_[path] = key;
    Name& name = names_[key];
    if (name.path == path) return;
    if (const auto old = keys_.find(name.path); old != keys_.end() && old->second == key) {
        keys_.erase(old);
    }
    name = {path, false};
}

const std::string* FileNames::path(uint64_t key) const {
    const auto found = names_.find(key);
    return found == names_.end() || found->second.path.empty() ? nullptr : &found->second.path;
}

void FileNames::rename(const std::string& from, const std::string& to) {
    std::vector<std::pair<std::string, uint64_t>> moved;
    if (const auto file = keys_.find(from); file != keys_.end()) {
        moved.emplace_back(to, file->second);
        keys_.erase(file);
    }
    const std::string inside = from + '/';
    auto it = keys_.lower_bound(inside);
    while (it != keys_.end() && it->first.starts_with(inside)) {
        moved.emplace_back(to + '/' + it->first.substr(inside.size()), it->second);
        it = keys_.erase(it);
    }
    for (const auto& [path, key] : moved) learn(key, path);
}

void FileNames::tell(uint64_t key, RecordSink& sink, int64_t time, uint32_t cpu) {
    const auto found = names_.find(key);
    if (found == names_.end() || found->second.told || found->second.path.empty()) return;
    found->second.told = true;
    LongRecordBuilder(kFileName, 2, time)
        .put(key)
        .put_path(found->second.path, longest_record_)
        .send(sink, cpu);
}

void FileNames::rundown(RecordSink& sink, int64_t time) const {
    for (const auto& [key, name] : names_) {
        if (!name.told) continue;
        LongRecordBuilder(kFileRundown, 2, time)
            .put(key)
            .put_path(name.path, longest_record_)
            .send(sink, 0);
    }
}

}  // namespace etw::kernel
