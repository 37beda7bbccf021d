#include "render/code_names.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace etw::render {
namespace {

struct CodeName {
    uint32_t code;
    std::string_view name;
};

constexpr CodeName kNtStatus[] = {
#include "render/names_ntstatus.inc"
};
constexpr CodeName kWin32[] = {
#include "render/names_win32.inc"
};
constexpr CodeName kHResult[] = {
#include "render/names_hresult.inc"
};
constexpr CodeName kErrno[] = {
#include "render/names_errno.inc"
};

constexpr bool ascends(std::span<const CodeName> names) {
    for (size_t i = 1; i < names.size(); ++i) {
        if (names[i - 1].code >= names[i].code) return false;
    }
    return true;
}
static_assert(ascends(kNtStatus) && ascends(kWin32) && ascends(kHResult) && ascends(kErrno));

std::string_view find(std::span<const CodeName> names, uint32_t code) {
    const auto at = std::lower_bound(names.begin(), names.end(), code,
                                     [](const CodeName& row, uint32_t c) { return row.code < c; });
    return at != names.end() && at->code == code ? at->name : std::string_view();
}

}  // namespace

std::string_view ntstatus_name(uint32_t code) noexcept { return find(kNtStatus, code); }
std::string_view win32_error_name(uint32_t code) noexcept { return find(kWin32, code); }
std::string_view errno_name(uint32_t code) noexcept { return find(kErrno, code); }

std::string_view hresult_name(uint32_t code) noexcept {
    constexpr uint32_t kFacilityWin32 = 0x8007;
    constexpr uint32_t kFacilityNt = 0x10000000;  // an NTSTATUS as HRESULT
    if (const auto name = find(kHResult, code); !name.empty()) return name;
    if (code >> 16 == kFacilityWin32) return win32_error_name(code & 0xFFFF);
    if ((code & kFacilityNt) != 0) return ntstatus_name(code & ~kFacilityNt);
    return {};
}

}  // namespace etw::render
