#include "decode/catalog_impl.h"
#include "tmf/binary.h"

namespace etw::decode {
namespace {

FormatsRead count(const tmf::MessageSet& messages, const std::vector<tmf::SkippedLine>& skipped) {
    FormatsRead out;
    out.messages = messages.formats().size();
    for (const tmf::SkippedLine& s : skipped) out.skipped.push_back({s.line, s.reason});
    return out;
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

Result<FormatsRead> Catalog::add_binary(const std::string& path) {
    ETW_TRY(tmf::BinaryMessages binary, tmf::read_binary(path));
    FormatsRead out = count(binary.messages, binary.skipped);
    impl_->messages.add(std::move(binary.messages));
    return out;
}

}  // namespace etw::decode
