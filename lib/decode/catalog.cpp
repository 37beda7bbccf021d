#include "etw/catalog.h"

#include "base/file.h"
#include "base/path.h"
#include "decode/builtin_providers.h"
#include "decode/catalog_impl.h"
#include "decode/log_descriptions.h"
#include "decode/log_survey.h"
#include "decode/manifest_xml.h"
#include "decode/pe_resources.h"
#include "decode/wevt_template.h"
#include "tmf/binary.h"

#include <algorithm>
#include <filesystem>

namespace etw::decode {
namespace {

FormatsRead count(const tmf::MessageSet& messages, const std::vector<tmf::SkippedLine>& skipped) {
    FormatsRead out;
    out.messages = messages.formats().size();
    for (const tmf::SkippedLine& s : skipped) out.skipped.push_back({s.line, s.reason});
    return out;
}

constexpr uint64_t kMaxBinaryBytes = uint64_t{1} << 30;
constexpr size_t kMaxResources = 16;  // of one type, that are read
constexpr std::string_view kResourceMagic = "CRIM";

Result<std::vector<std::byte>> read_file(const std::string& path, uint64_t limit) {
    ETW_TRY(const File file, File::open_read(path));
    ETW_TRY(const uint64_t size, file.size());
    if (size > limit) return Error{Code::kInvalidData, "too large"};
    std::vector<std::byte> out(size);
    ETW_CHECK(file.read_at(0, out));
    return out;
}

bool is_resource(Bytes file) {
    return file.size() >= kResourceMagic.size() &&
           std::memcmp(file.data(), kResourceMagic.data(), kResourceMagic.size()) == 0;
}

// Adds the texts of a program; what its tables miss its events go without.
void add_texts(Bytes file, MessageTable& texts) {
    const auto tables = find_resources(file, kResourceMessageTable);
    if (!tables) return;
    for (size_t i = 0; i < std::min(tables->size(), kMaxResources); ++i) {
        static_cast<void>(read_message_table((*tables)[i], texts));
    }
}

Status add_binary_with(Bytes file, const MessageTable& texts, ProviderSet& out) {
    std::vector<Bytes> resources{file};
    if (!is_resource(file)) {
        ETW_TRY(resources, find_resources(file, kResourceWevtTemplate));
        if (resources.empty()) return Error{Code::kInvalidData, "no manifest among its resources"};
    }
    for (size_t i = 0; i < std::min(resources.size(), kMaxResources); ++i) {
        ETW_TRY(auto providers, parse_wevt_template(resources[i], texts));
        for (ProviderModel& provider : providers) {
            if (!out.add(std::move(provider))) return Error{Code::kInvalidData, "too large"};
        }
    }
    return Ok{};
}

// Where Windows keeps the texts of FOLDER/NAME.dll.
std::vector<std::filesystem::path> text_files(const std::filesystem::path& binary) {
    const std::filesystem::path name = binary.filename().concat(".mui");
    return {binary.parent_path() / "en-US" / name, binary.parent_path() / name};
}

// "e13c0d23ccbc4e12931bd9cc2eee27e4": the digits of a GUID as people write it.
std::optional<Guid> guid_of_digits(std::string digits) {
    constexpr size_t kDigits = 32;
    if (digits.size() != kDigits) return std::nullopt;
    for (const size_t at : {20u, 16u, 12u, 8u}) digits.insert(at, 1, '-');
    return parse_guid(digits);
}

}  // namespace

Catalog::Catalog() : impl_(std::make_unique<CatalogImpl>()) {}
Catalog::~Catalog() = default;

Result<FormatsRead> Catalog::add_tmf_file(const std::string& path) {
    ETW_TRY(tmf::TmfText text, tmf::read_tmf_file(path));
    FormatsRead out = count(text.messages, text.skipped);
    impl_->messages.add(std::move(text.messages));
    return out;
}

void Catalog::add_tmf_folder(const std::string& path) { impl_->messages.add_folder(path); }

Result<FormatsRead> Catalog::add_message_binary(const std::string& path) {
    ETW_TRY(tmf::BinaryMessages binary, tmf::read_binary(path));
    FormatsRead out = count(binary.messages, binary.skipped);
    impl_->messages.add(std::move(binary.messages));
    return out;
}

Status Catalog::add_manifest(Bytes xml) {
    ETW_TRY(auto providers, parse_manifest(xml));
    for (ProviderModel& provider : providers) {
        if (!impl_->providers.add(std::move(provider))) {
            return Error{Code::kInvalidData, "manifest: too large"};
        }
    }
    return Ok{};
}

Status Catalog::add_manifest_file(const std::string& path) {
    ETW_TRY(const auto xml, read_file(path, kMaxModelBytes));
    return add_manifest(xml);
}

Status Catalog::add_binary(Bytes file) {
    MessageTable texts;
    add_texts(file, texts);
    return add_binary_with(file, texts, impl_->providers);
}

Status Catalog::add_binary_file(const std::string& path) {
    ETW_TRY(const auto file, read_file(path, kMaxBinaryBytes));
    MessageTable texts;
    add_texts(file, texts);
    for (const auto& other : text_files(to_path(path))) {
        if (auto mui = read_file(to_text(other), kMaxBinaryBytes)) add_texts(*mui, texts);
    }
    return add_binary_with(file, texts, impl_->providers);
}

Status Catalog::add_repository(const std::string& folder) {
    std::error_code error;
    std::filesystem::directory_iterator entries(to_path(folder), error);
    if (error) return Error{Code::kPathNotFound, "no such folder of manifests"};
    for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
        const std::filesystem::path& path = entries->path();
        std::string extension = to_text(path.extension());
        std::transform(extension.begin(), extension.end(), extension.begin(),
                       [](unsigned char c) { return char(std::tolower(c)); });
        if (extension != ".man") continue;
        const auto provider = guid_of_digits(to_text(path.stem()));
        if (provider) impl_->repository[*provider].push_back(to_text(path));
    }
    return Ok{};
}

void Catalog::add_all() {
    for (const auto& [provider, paths] : impl_->repository) {
        for (const std::string& path : paths) static_cast<void>(add_manifest_file(path));
    }
    impl_->repository.clear();
    for (const BuiltinProvider& provider : builtin_providers()) {
        impl_->providers.add(parse_builtin(provider));
    }
}

bool Catalog::learn(etl::LogReader log, const Watch& watch) {
    std::unordered_set<Guid> known;
    for (const auto& [guid, paths] : impl_->repository) known.insert(guid);
    for (const BuiltinProvider& provider : builtin_providers()) known.insert(provider.guid);
    const uint64_t all = 2 * log.size_bytes();  // what tells something is read again, in order
    const auto go_on = [&](uint64_t done) { return !watch || watch(done, all); };
    const LogSurvey survey = survey_log(log, known, go_on);
    if (!survey.whole) return false;

    LogDescriptions descriptions(impl_->providers, impl_->stacks, impl_->images);
    etl::Record record;
    for (uint64_t i = 1; log.next(record); ++i) {
        descriptions.look_at(record);
        constexpr uint64_t kOften = 4096;
        if (i % kOften == 0 && !go_on(log.size_bytes() + log.consumed_bytes())) return false;
    }
    for (const Guid& guid : survey.providers) {
        const auto wanted = impl_->repository.find(guid);
        if (wanted != impl_->repository.end()) {
            for (const std::string& path : wanted->second) {
                static_cast<void>(add_manifest_file(path));
            }
            impl_->repository.erase(wanted);
        }
    }
    const auto add_builtin = [&](bool over_log) {
        for (const BuiltinProvider& provider : builtin_providers()) {
            if (provider.over_log != over_log) continue;
            if (!survey.providers.contains(provider.guid)) continue;
            impl_->providers.add(parse_builtin(provider));
        }
    };
    add_builtin(true);
    descriptions.finish();
    add_builtin(false);
    return true;
}

}  // namespace etw::decode
