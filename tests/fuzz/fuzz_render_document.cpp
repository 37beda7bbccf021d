// Any bytes as a self-describing event: the CSV line must have its columns, the XML must be well
// formed, both also in the other encodings.
#include "described_record.h"
#include "etw/decoder.h"
#include "render/renderer.h"

#include <cstdlib>
#include <string>

namespace {

using namespace etw;

constexpr size_t kColumns = 14;

// One record of RFC 4180 and its line feed.
bool is_csv_record(std::string_view text) {
    size_t columns = 1, at = 0;
    while (at < text.size() && text[at] != '\n') {
        if (text[at] != '"') {
            at = text.find_first_of(",\n\"", at);
            if (at == text.npos || text[at] == '"') return false;
        } else {
            for (++at;; at += 2) {  // behind the opening quote, or a doubled one
                at = text.find('"', at);
                if (at == text.npos) return false;
                if (at + 1 >= text.size() || text[at + 1] != '"') break;
            }
            ++at;
        }
        if (at >= text.size() || (text[at] != ',' && text[at] != '\n')) return false;
        if (text[at] == '\n') break;
        ++columns;
        ++at;
    }
    return columns == kColumns && at + 1 == text.size();
}

bool is_reference(std::string_view text) {
    for (const std::string_view known :
         {"&amp;", "&lt;", "&gt;", "&quot;", "&#9;", "&#10;", "&#13;"}) {
        if (text.starts_with(known)) return true;
    }
    return false;
}

bool is_plain_xml(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
        const auto c = uint8_t(text[i]);
        if (c == '<' || c == '>' || (c < 0x20 && c != '\n' && c != '\t')) return false;
        if (c == '&' && !is_reference(text.substr(i))) return false;
    }
    return true;
}

// `tag` is what stands between the brackets: a name and attributes in double quotes.
bool is_tag(std::string_view tag) {
    size_t quotes = 0;
    for (const char c : tag) quotes += c == '"';
    return quotes % 2 == 0 && is_plain_xml(tag);
}

bool is_well_formed(std::string_view xml) {
    std::vector<std::string> open;
    while (!xml.empty()) {
        const size_t begin = xml.find('<');
        if (begin == xml.npos) return open.empty() && is_plain_xml(xml);
        if (!is_plain_xml(xml.substr(0, begin))) return false;
        const size_t end = xml.find('>', begin);
        if (end == xml.npos) return false;
        const std::string_view tag = xml.substr(begin + 1, end - begin - 1);
        xml.remove_prefix(end + 1);
        if (!is_tag(tag)) return false;
        if (tag.starts_with('/')) {
            if (open.empty() || open.back() != tag.substr(1)) return false;
            open.pop_back();
        } else if (!tag.ends_with('/')) {
            open.emplace_back(tag.substr(0, tag.find(' ')));
        }
    }
    return open.empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2 || size > 60'000) return 0;
    static decode::Decoder decoder;
    static decode::Event event;
    static const auto csv = render::make_renderer({.format = render::Format::kCsv, .utc = true});
    static const auto xml = render::make_renderer({.format = render::Format::kXml});
    const fuzz::DescribedRecord input(data, size);
    decoder.decode(input.record, event);

    render::OutBuffer out, encoded;
    csv->render(input.record, event, 0, out);
    if (!is_csv_record(out.view()) || !fuzz::is_valid_utf8(out.view())) std::abort();
    out.clear();
    xml->render(input.record, event, 0, out);
    if (!is_well_formed(out.view()) || !fuzz::is_valid_utf8(out.view())) std::abort();
    render::append_encoded(encoded, out.view(), render::Encoding::kUtf16,
                           render::Lacking::kXmlReference);
    if (encoded.size() % 2 != 0) std::abort();
    encoded.clear();
    render::append_encoded(encoded, out.view(), render::Encoding::kAnsi,
                           render::Lacking::kXmlReference);
    if (encoded.size() < out.size() / 4) std::abort();
    return 0;
}
