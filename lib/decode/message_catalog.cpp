#include "decode/message_catalog.h"

#include "tmf/tmf_reader.h"

namespace etw::decode {
namespace {

constexpr size_t kMaxWithoutFile = 4096;

std::string file_name(const Guid& guid) { return to_string(guid) + ".tmf"; }

// The other spelling that file systems of Windows do not tell apart from it.
std::string in_capitals(std::string name) {
    for (char& c : name) {
        if (c >= 'a' && c <= 'f') c = char(c - 'a' + 'A');
    }
    return name.replace(name.size() - 4, 4, ".tmf");
}

}  // namespace

const MessageProgram* MessageCatalog::find(const Guid& guid, uint16_t number) const {
    const std::lock_guard guard(lock_);
    const auto known = programs_.find({guid, number});
    if (known != programs_.end()) return known->second.get();
    const tmf::MessageFormat* const format = find_format(guid, number);
    if (format == nullptr) return nullptr;
    auto program = std::make_unique<MessageProgram>();
    compile_message(*format, *program);
    return programs_.emplace(Key{guid, number}, std::move(program)).first->second.get();
}

const tmf::MessageFormat* MessageCatalog::find_format(const Guid& guid, uint16_t number) const {
    bool file = false;
    const bool look = !without_file_.contains(guid);
    for (Source& source : sources_) {
        const tmf::MessageSet* messages = std::get_if<tmf::MessageSet>(&source);
        if (messages == nullptr && look) {
            messages = file_of(std::get<Folder>(source), guid);
            file = file || messages != nullptr;
        }
        if (messages == nullptr) continue;
        const tmf::MessageFormat* const format = messages->find(guid, number);
        if (format != nullptr) return format;
    }
    if (look && !file) {
        if (without_file_.size() == kMaxWithoutFile) without_file_.clear();
        without_file_.insert(guid);
    }
    return nullptr;
}

const tmf::MessageSet* MessageCatalog::file_of(Folder& folder, const Guid& guid) const {
    const auto known = folder.files.find(guid);
    if (known != folder.files.end()) return &known->second;
    const std::string name = file_name(guid);
    auto file = tmf::read_tmf_file(folder.path + "/" + name);
    if (!file) file = tmf::read_tmf_file(folder.path + "/" + in_capitals(name));
    if (!file) return nullptr;
    return &folder.files.emplace(guid, std::move(file->messages)).first->second;
}

std::string MessageCatalog::why_missing(const Guid& guid, uint16_t number) const {
    const std::lock_guard guard(lock_);
    std::string folders;
    for (Source& source : sources_) {
        Folder* const folder = std::get_if<Folder>(&source);
        if (folder == nullptr) continue;
        if (!without_file_.contains(guid) && file_of(*folder, guid) != nullptr) {
            return folder->path + "/" + file_name(guid) + " has no message " +
                   std::to_string(number);
        }
        folders += (folders.empty() ? " in " : ", ") + folder->path;
    }
    return "no " + file_name(guid) + folders;
}

}  // namespace etw::decode
