#include "tmf/elf_messages.h"

#include "base/path.h"
#include "base/sha1.h"
#include "tmf/elf_format.h"

#include <map>
#include <utility>

namespace etw::tmf {
namespace {

enum class Kind : uint8_t { kControl = 1, kType, kValues, kText };
constexpr uint8_t kVersion = 1;

using Place = std::pair<uint16_t, uint32_t>;  // message number and line
struct Values {
    uint8_t level, flag, control;
    uint8_t count;
    uint32_t types[3];  // five bits each, six in a word
    char function[64];
};
static_assert(sizeof(Values) == 80);

std::optional<Place> read_place(ByteReader& in) {
    const auto number = in.read<uint16_t>("message number");
    const auto line = in.read<uint32_t>("line");
    if (!number || !line) return std::nullopt;
    return Place(*number, *line);
}

// The next NUL-terminated text.
std::optional<std::string_view> next_text(ByteReader& in) {
    const Bytes rest = in.rest();
    const std::string_view all(reinterpret_cast<const char*>(rest.data()), rest.size());
    const size_t end = all.find('\0');
    if (end == all.npos) return std::nullopt;
    (void)in.take(end + 1, "text");
    return all.substr(0, end);
}

std::string_view file_name(std::string_view path) {
    const size_t slash = path.find_last_of("/\\");
    return slash == path.npos ? path : path.substr(slash + 1);
}

// "tracedrv.c", 258: "tracedrv_c258".
std::string message_name(std::string_view path, uint32_t line) {
    std::string name(file_name(path));
    for (char& c : name) {
        if (c == '.' || c == ' ') c = '_';
    }
    return name + std::to_string(line);
}

class SectionReader {
public:
    explicit SectionReader(Bytes section) : section_(section) {}

    ElfMessages read() {
        // First all lists, so that a message may come before its own; then, as we go, those of the
        // source file that we are in.
        each_entry([this](Kind kind, ByteReader in) { return kind != Kind::kType || type(in); });
        damaged_ = 0;
        each_entry([this](Kind kind, ByteReader in) {
            switch (kind) {
                case Kind::kControl:
                    return control(in);
                case Kind::kType:
                    return type(in);
                case Kind::kValues:
                    return values(in);
                case Kind::kText:
                    return text(in);
            }
            return false;
        });
        return {std::move(messages_), damaged_};
    }

private:
    template <class Act>
    void each_entry(Act act) {
        ByteReader in(section_);
        while (in.remaining() != 0) {
            const auto size = in.read<uint32_t>("entry");
            if (!size || *size < sizeof(*size)) return void(++damaged_);
            const auto rest = in.take(*size - sizeof(*size), "entry");
            if (!rest) return void(++damaged_);
            ByteReader entry(*rest);
            const auto version = entry.read<uint8_t>("version");
            const auto kind = entry.read<uint8_t>("kind");
            const bool known = version && kind && *version == kVersion;
            if (!known || !act(Kind{*kind}, entry)) ++damaged_;
        }
    }

    bool control(ByteReader in) {
        const auto name = next_text(in);
        const auto guid = next_text(in);
        const auto id = guid ? parse_guid(*guid) : std::nullopt;
        if (!name || !id) return false;
        ControlGuid control{*id, std::string(*name), {}};
        while (const auto flag = next_text(in)) control.flags.emplace_back(*flag);
        messages_.add(std::move(control));
        return true;
    }

    bool type(ByteReader in) {
        const auto name = next_text(in);
        const auto definition = next_text(in);
        auto list = definition ? parse_list(*definition) : std::nullopt;
        if (!name || !list) return false;
        lists_.insert_or_assign(std::string(*name), std::move(*list));
        return true;
    }

    bool values(ByteReader in) {
        const auto place = read_place(in);
        const auto values = in.read<Values>("values");
        if (!place || !values) return false;
        values_.insert_or_assign(*place, *values);
        return true;
    }

    bool text(ByteReader in) {
        const auto place = read_place(in);
        if (!place) return false;
        std::string_view texts[7];
        for (std::string_view& text : texts) {
            const auto next = next_text(in);
            if (!next) return false;
            text = *next;
        }
        const auto& [quoted_file, quoted_source, controls, flag, level, quoted_text, raw] = texts;
        // Both parts of a description stand together, unless the compiler has merged the second
        // parts of equal ones.
        const auto known = values_.find(*place);
        const auto file = unquote(quoted_file), source = unquote(quoted_source);
        const auto format = unquote(quoted_text);
        if (known == values_.end() || !file || !source || !format) return false;
        const Values& values = known->second;

        // "Name guid;Name guid;": the first is the name space of the file, and its component.
        const size_t blank = controls.find(' ');
        const size_t end = std::min(controls.find(';'), controls.size());
        if (blank > end) return false;
        const auto name_space = parse_guid(controls.substr(blank + 1, end - blank - 1));
        if (!name_space) return false;

        MessageFormat out;
        out.guid = uuid5(*name_space, source->data(), source->size());
        out.number = place->first;
        out.component = controls.substr(0, blank);
        out.source = file_name(*source);
        out.name = message_name(*file, place->second);
        out.level = level;
        out.flags = flag;
        const std::string_view function(values.function, sizeof(values.function));
        out.function = function.substr(0, function.find('\0'));
        FormatWriter writer(lists_, *file, place->second);
        if (!writer.write(*format, {values.types, values.count}, raw, out)) return false;
        for (const Argument& argument : out.arguments) {
            const size_t size = size_of(argument.names);
            if (size > room_) return false;
            room_ -= size;
        }
        messages_.add(std::move(out));
        return true;
    }

    Bytes section_;
    MessageSet messages_;
    size_t damaged_ = 0;
    size_t room_ = kMaxCopiedNames;
    Lists lists_;
    std::map<Place, Values> values_;
};

}  // namespace

Result<ElfMessages> read_elf_messages(const ElfFile& file) {
    ETW_TRY(const auto section, file.read_section(".etw.messages"));
    return SectionReader(section).read();
}

std::vector<std::string> debug_file_candidates(const ElfFile& file, const std::string& path) {
    constexpr char kDebug[] = "/usr/lib/debug";
    std::vector<std::string> out;
    std::string id;
    for (const std::byte byte : file.build_id()) {
        constexpr char kDigits[] = "0123456789abcdef";
        id += kDigits[uint8_t(byte) >> 4];
        id += kDigits[uint8_t(byte) & 15];
    }
    if (id.size() > 2) {
        out.push_back(std::string(kDebug) + "/.build-id/" + id.substr(0, 2) + '/' + id.substr(2) +
                      ".debug");
    }
    // A name without a folder, so that nobody's file sends us elsewhere.
    const std::string link(file_name(file.debug_link()));
    if (!link.empty()) {
        const std::string name = to_text(to_path(path).filename());
        const std::string folder = path.substr(0, path.size() - name.size());
        if (folder + link != path) out.push_back(folder + link);
        out.push_back(folder + ".debug/" + link);
        if (folder.starts_with('/')) out.push_back(kDebug + folder + link);
    }
    return out;
}

}  // namespace etw::tmf
