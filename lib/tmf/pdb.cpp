#include "tmf/pdb.h"

#include "tmf/pdb_types.h"

#include <algorithm>

namespace etw::tmf {
namespace {

constexpr size_t kInfoStream = 1;
constexpr size_t kTypeStream = 2;
constexpr size_t kDebugStream = 3;
constexpr uint16_t kNoStream = 0xFFFF;

// Source: LLVM, "The PDB Info Stream".
struct InfoHeader {
    uint32_t version;
    uint32_t signature;
    uint32_t age;
    Guid guid;
};
static_assert(sizeof(InfoHeader) == 28);

// Source: LLVM, "The PDB DBI Stream".
struct DebugHeader {
    int32_t signature;  // -1
    uint32_t version;
    uint32_t age;
    uint16_t streams[6];  // global and public symbols, and build numbers between
    uint32_t module_bytes;
    uint32_t other_bytes[7];
    uint16_t flags;
    uint16_t machine;
    uint32_t padding;
};
static_assert(sizeof(DebugHeader) == 64 && offsetof(DebugHeader, module_bytes) == 24);

struct ModuleHeader {
    uint32_t unused;
    uint8_t section_contribution[28];
    uint16_t flags;
    uint16_t symbol_stream;
    uint32_t symbol_bytes;  // of that stream, its signature included
    uint32_t line_bytes[2];
    uint16_t file_count;
    uint16_t padding;
    uint32_t names[3];
};
static_assert(sizeof(ModuleHeader) == 64 && offsetof(ModuleHeader, symbol_bytes) == 36);

constexpr uint32_t kSymbolSignature = 4;  // C13, what every compiler of this century writes
constexpr uint16_t kAnnotation = 0x1019;

struct AnnotationHeader {
    uint32_t offset;
    uint16_t section;
    uint16_t count;  // strings
};
static_assert(sizeof(AnnotationHeader) == 8);

Result<std::string_view> read_string(ByteReader& in) {
    const Bytes rest = in.rest();
    const auto nul = std::find(rest.begin(), rest.end(), std::byte{0});
    if (nul == rest.end()) return Error{Code::kInvalidData, "PDB: string", in.offset()};
    const auto length = size_t(nul - rest.begin());
    ETW_TRY(const Bytes text, in.take(length + 1, "PDB: string"));
    return std::string_view(reinterpret_cast<const char*>(text.data()), length);
}

// Where the format text had a line feed, its annotation does; TMF has lines, and writes it %n.
std::string as_line(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "%n";
        } else if (c != '\r') {
            out += c;
        }
    }
    return out;
}

class AnnotationReader {
public:
    // Fails where the record ends too early; what came before counts.
    Status add(Bytes record) {
        ByteReader in(record);
        ETW_TRY(const auto header, in.read<AnnotationHeader>("PDB: annotation"));
        ETW_TRY(const auto tag,
                header.count != 0 ? read_string(in) : Result<std::string_view>(std::string_view()));
        if (tag == "TMF:") return message(in, header.count);
        if (tag == "TMC:") return control(in, header.count);
        return Ok{};
    }

    PdbMessages finish(Bytes types) {
        const Names wanted = reader_.named_enumerations();
        if (!wanted.empty()) {
            for (auto& [name, values] : read_enumerations(types, wanted)) {
                reader_.add_enumeration(name, std::move(values));
            }
        }
        reader_.end_text();
        PdbMessages out{reader_.take(), reader_.skipped(), 0};
        for (ControlGuid& c : controls_) out.messages.add(std::move(c));
        return out;
    }
    bool wants_types() const { return !reader_.named_enumerations().empty(); }

private:
    Status message(ByteReader& in, uint16_t count) {
        Status status = Ok{};
        for (uint16_t i = 1; i < count && status; ++i) {
            const auto text = read_string(in);
            if (text) {
                reader_.line(as_line(*text));
            } else {
                status = text.error();
            }
        }
        reader_.end_piece();
        return status;
    }

    Status control(ByteReader& in, uint16_t count) {
        if (count < 3) return Error{Code::kInvalidData, "PDB: control GUID", in.offset()};
        ETW_TRY(const auto text, read_string(in));
        const auto guid = parse_guid(text);
        if (!guid) return Error{Code::kInvalidData, "PDB: control GUID", in.offset()};
        ETW_TRY(const auto name, read_string(in));
        ControlGuid control{*guid, std::string(name), {}};
        for (uint16_t i = 3; i < count; ++i) {
            ETW_TRY(const auto flag, read_string(in));
            control.flags.emplace_back(flag);
        }
        controls_.push_back(std::move(control));
        return Ok{};
    }

    TmfReader reader_;
    std::vector<ControlGuid> controls_;
};

// Hands the annotations among the symbols to `out`.
Status read_symbols(Bytes symbols, AnnotationReader& out) {
    ByteReader in(symbols);
    ETW_TRY(const auto signature, in.read<uint32_t>("PDB: signature of the symbols"));
    if (signature != kSymbolSignature) {
        return Error{Code::kInvalidData, "PDB: signature of the symbols"};
    }
    Status status = Ok{};
    while (in.remaining() != 0) {
        ETW_TRY(const auto size, in.read<uint16_t>("PDB: symbol"));
        ETW_TRY(const Bytes record, in.take(size, "PDB: symbol"));
        ByteReader symbol(record);
        ETW_TRY(const auto kind, symbol.read<uint16_t>("PDB: kind of a symbol"));
        if (kind != kAnnotation) continue;
        if (const auto added = out.add(symbol.rest()); !added) status = added;
    }
    return status;
}

struct ModuleSymbols {
    uint16_t stream;
    uint32_t bytes;
};

Result<std::vector<ModuleSymbols>> list_modules(Bytes debug) {
    ByteReader in(debug);
    std::vector<ModuleSymbols> out;
    if (debug.empty()) return out;  // a PDB of types alone
    ETW_TRY(const auto header, in.read<DebugHeader>("PDB: debug stream"));
    if (header.signature != -1) return Error{Code::kInvalidData, "PDB: debug stream"};
    ETW_TRY(const Bytes modules, in.take(header.module_bytes, "PDB: list of modules"));
    ByteReader list(modules);
    while (list.remaining() >= sizeof(ModuleHeader)) {
        ETW_TRY(const auto module, list.read<ModuleHeader>("PDB: module"));
        ETW_CHECK(read_string(list));
        ETW_CHECK(read_string(list));
        const size_t padding = -list.offset() & 3;
        ETW_CHECK(list.take(std::min(padding, list.remaining()), "PDB: module"));
        if (module.symbol_stream == kNoStream || module.symbol_bytes == 0) continue;
        out.push_back({module.symbol_stream, module.symbol_bytes});
    }
    return out;
}

}  // namespace

Result<PdbIdentity> read_pdb_identity(MsfFile& file) {
    ETW_TRY(const auto stream, file.read_stream(kInfoStream));
    ETW_TRY(const auto info, ByteReader(stream).read<InfoHeader>("PDB: identity"));
    return PdbIdentity{info.guid, info.age};
}

Result<PdbMessages> read_pdb_messages(MsfFile& file) {
    ETW_TRY(const auto debug, file.read_stream(kDebugStream));
    ETW_TRY(const auto modules, list_modules(debug));
    AnnotationReader annotations;
    size_t damaged = 0;
    for (const ModuleSymbols& module : modules) {
        const auto stream = file.read_stream(module.stream);
        const bool whole = stream && module.bytes <= stream->size() &&
                           read_symbols(Bytes(*stream).first(module.bytes), annotations);
        if (!whole) ++damaged;
    }
    std::vector<std::byte> types;
    if (annotations.wants_types()) {
        if (auto stream = file.read_stream(kTypeStream)) types = *std::move(stream);
    }
    PdbMessages out = annotations.finish(types);
    out.damaged_modules = damaged;
    return out;
}

}  // namespace etw::tmf
