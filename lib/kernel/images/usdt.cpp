#include "kernel/images/usdt.h"

#include "etw/kernel_flags.h"
#include "kernel/images/elf_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

namespace etw::kernel {
namespace {

constexpr uint32_t kStapSdt = 3;      // type of the notes
constexpr size_t kMaxProbes = 4096;   // of one file
constexpr size_t kMaxArguments = 12;  // of sys/sdt.h

// --- notes -----------------------------------------------------------------------------------

struct Sections {
    Elf_Scn* notes = nullptr;
    uint64_t base = 0;  // where .stapsdt.base is now; 0: there is none
};

Sections find_sections(Elf* elf) {
    Sections out;
    size_t names = 0;
    if (elf_getshdrstrndx(elf, &names) != 0) return out;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
        GElf_Shdr header{};
        if (gelf_getshdr(section, &header) == nullptr) continue;
        const char* name = elf_strptr(elf, names, header.sh_name);
        if (name == nullptr) continue;
        if (std::strcmp(name, ".note.stapsdt") == 0) out.notes = section;
        if (std::strcmp(name, ".stapsdt.base") == 0) out.base = header.sh_addr;
    }
    return out;
}

// A NUL-terminated string off the front of `rest`.
std::string take_string(std::string_view& rest) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    std::string out(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
}

std::optional<UsdtProbe> parse_note(Elf* elf, std::string_view description, uint64_t base) {
    struct Addresses {
        uint64_t probe, base, semaphore;
    } at{};
    if (description.size() < sizeof(at)) return std::nullopt;
    std::memcpy(&at, description.data(), sizeof(at));
    // prelink(8) may have moved all addresses since the note was written.
    const uint64_t moved = base != 0 && at.base != 0 ? base - at.base : 0;
    const auto offset = file_offset(elf, at.probe + moved);
    if (!offset) return std::nullopt;
    UsdtProbe out;
    out.offset = *offset;
    if (at.semaphore != 0) out.semaphore = file_offset(elf, at.semaphore + moved).value_or(0);
    std::string_view rest = description.substr(sizeof(at));
    out.provider = take_string(rest);
    out.name = take_string(rest);
    out.arguments = take_string(rest);
    return out;
}

// --- arguments -------------------------------------------------------------------------------

bool parse_number(std::string_view text, int64_t& out) {
    if (text.starts_with('+')) text.remove_prefix(1);
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size()) return false;
    out = int64_t(negative ? uint64_t{0} - value : value);
    return true;
}

// The kernel's name of the register that this is, or is the low part of; empty: it has none.
std::string_view x86_register(std::string_view name) {
    static constexpr std::array<std::array<std::string_view, 5>, 9> kNames = {{
        {"ax", "rax", "eax", "ax", "al"},
        {"bx", "rbx", "ebx", "bx", "bl"},
        {"cx", "rcx", "ecx", "cx", "cl"},
        {"dx", "rdx", "edx", "dx", "dl"},
        {"si", "rsi", "esi", "si", "sil"},
        {"di", "rdi", "edi", "di", "dil"},
        {"bp", "rbp", "ebp", "bp", "bpl"},
        {"sp", "rsp", "esp", "sp", "spl"},
        {"ip", "rip", "eip", "ip", ""},
    }};
    static constexpr std::array<std::string_view, 8> kNumbered = {"r8",  "r9",  "r10", "r11",
                                                                  "r12", "r13", "r14", "r15"};
    for (const auto& names : kNames) {
        if (std::find(names.begin() + 1, names.end(), name) != names.end() && !name.empty()) {
            return names[0];
        }
    }
    for (const std::string_view numbered : kNumbered) {
        if (!name.starts_with(numbered)) continue;
        const std::string_view part = name.substr(numbered.size());
        if (part.empty() || part == "d" || part == "w" || part == "b") return numbered;
    }
    return {};
}

std::string from_memory(std::string_view reg, int64_t offset) {
    return fmt::format("{:+}(%{})", offset, reg);
}

// "%rdi", "-8(%rbp)", "$5"
std::string x86_operand(std::string_view text) {
    int64_t number = 0;
    if (text.starts_with('$')) {
        return parse_number(text.substr(1), number) ? fmt::format("\\{}", number) : "";
    }
    if (text.starts_with('%')) {
        const std::string_view reg = x86_register(text.substr(1));
        return reg.empty() ? "" : fmt::format("%{}", reg);
    }
    const size_t open = text.find("(%");
    if (open == std::string_view::npos || !text.ends_with(')')) return "";
    const std::string_view reg =
        x86_register(text.substr(open + 2, text.size() - open - 3));  // none with an index
    if (reg.empty() || reg == "ip") return "";
    if (open != 0 && !parse_number(text.substr(0, open), number)) return "";
    return from_memory(reg, number);
}

// The kernel knows x0..x30 and sp; w0 is the low half of x0.
std::string arm_register(std::string_view name) {
    if (name == "sp") return "sp";
    if (name.size() < 2 || (name[0] != 'x' && name[0] != 'w')) return "";
    int64_t number = 0;
    if (!parse_number(name.substr(1), number) || number < 0 || number > 30) return "";
    return fmt::format("x{}", number);
}

// "x0", "w1", "5", "[sp, 28]", "[x19]"
std::string arm_operand(std::string_view text) {
    int64_t number = 0;
    if (parse_number(text, number)) return fmt::format("\\{}", number);
    if (!text.starts_with('[')) {
        const std::string reg = arm_register(text);
        return reg.empty() ? "" : "%" + reg;
    }
    if (!text.ends_with(']')) return "";
    text = text.substr(1, text.size() - 2);
    const size_t comma = text.find(',');
    const std::string reg = arm_register(text.substr(0, comma));
    if (reg.empty()) return "";
    if (comma != std::string_view::npos) {
        std::string_view offset = text.substr(comma + 1);
        while (offset.starts_with(' ') || offset.starts_with('#')) offset.remove_prefix(1);
        if (!parse_number(offset, number)) return "";
    }
    return from_memory(reg, number);
}

// "N@operand": the text of one argument off the front. Blanks stand between arguments, and in the
// brackets of AArch64.
std::string_view take_argument(std::string_view& rest) {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    bool in_brackets = false;
    size_t end = 0;
    for (; end < rest.size() && (in_brackets || rest[end] != ' '); ++end) {
        if (rest[end] == '[') in_brackets = true;
        if (rest[end] == ']') in_brackets = false;
    }
    const std::string_view out = rest.substr(0, end);
    rest.remove_prefix(end);
    return out;
}

std::string fetch(std::string_view argument, Machine machine) {
    const size_t at = argument.find('@');
    int64_t size = 0;
    if (at == std::string_view::npos || !parse_number(argument.substr(0, at), size)) return "";
    const int64_t bytes = size < 0 ? -size : size;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return "";
    const std::string_view operand = argument.substr(at + 1);
    const std::string place =
        machine == Machine::kX86_64 ? x86_operand(operand) : arm_operand(operand);
    if (place.empty()) return "";
    return fmt::format("{}:{}{}", place, size < 0 ? 's' : 'u', bytes * 8);
}

}  // namespace

Result<std::vector<UsdtProbe>> read_usdt_probes(const std::string& path) {
    ETW_TRY(const ElfFile file, ElfFile::open(path));
    Elf* const elf = file.get();
    const Sections sections = find_sections(elf);
    std::vector<UsdtProbe> out;
    if (sections.notes == nullptr) return out;
    Elf_Data* data = elf_getdata(sections.notes, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return out;
    const std::string_view all(static_cast<const char*>(data->d_buf), data->d_size);
    GElf_Nhdr note{};
    size_t name = 0;
    size_t description = 0;
    for (size_t at = 0; out.size() < kMaxProbes;) {
        const size_t next = gelf_getnote(data, at, &note, &name, &description);
        if (next == 0) break;
        at = next;
        if (note.n_type != kStapSdt || description > all.size()) continue;
        const auto probe = parse_note(elf, all.substr(description, note.n_descsz), sections.base);
        if (probe) out.push_back(*probe);
    }
    return out;
}

std::string fetch_arguments(std::string_view arguments, Machine machine) {
    std::string out;
    for (size_t number = 1; !arguments.empty() && number <= kMaxArguments; ++number) {
        const std::string_view argument = take_argument(arguments);
        if (argument.empty()) break;
        const std::string fetched = fetch(argument, machine);
        if (fetched.empty()) continue;
        out += fmt::format("{}arg{}={}", out.empty() ? "" : " ", number, fetched);
    }
    return out;
}

bool is_usdt_name(std::string_view name) { return name.starts_with(kUsdtPrefix); }

Result<UsdtName> parse_usdt_name(std::string_view name) {
    const size_t colon = name.rfind(':');
    if (!is_usdt_name(name) || colon < kUsdtPrefix.size() + 1 || colon + 1 == name.size() ||
        name[kUsdtPrefix.size()] != '/') {
        return Error{Code::kInvalidName, "usdt:<path>:<provider>", 0};
    }
    return UsdtName{std::string(name.substr(kUsdtPrefix.size(), colon - kUsdtPrefix.size())),
                    std::string(name.substr(colon + 1))};
}

}  // namespace etw::kernel
