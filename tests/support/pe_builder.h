// Makes executables of Windows that hold nothing but the reference to their PDB.
#pragma once
#include "base/byte_writer.h"
#include "etw/guid.h"

#include <string_view>
#include <vector>

namespace etw::tmf::test {

// One section at file offset 512, which is the debug directory and what it points to.
inline std::vector<std::byte> pe_image(const Guid& guid, uint32_t age, std::string_view pdb_path,
                                       bool is_64_bit = true) {
    constexpr size_t kSection = 512;
    constexpr uint32_t kAddress = 0x1000;
    const auto pad_to = [](ByteWriter& out, size_t size) {
        while (out.size() < size) out.write(uint8_t{0});
    };
    ByteWriter reference;
    reference.append_text("RSDS");
    reference.write(guid);
    reference.write(age);
    reference.append_text(pdb_path);
    reference.write(uint8_t{0});

    ByteWriter out;
    out.append_text("MZ");
    pad_to(out, 0x3C);
    out.write(uint32_t{64});
    out.append_text(std::string_view("PE\0\0", 4));
    out.write(uint16_t(is_64_bit ? 0x8664 : 0x14C));
    out.write(uint16_t{1});  // sections
    for (int i = 0; i < 3; ++i) out.write(uint32_t{0});
    const size_t directories = is_64_bit ? 112 : 96;
    const size_t optional_size = directories + 16 * 8;
    out.write(uint16_t(optional_size));
    out.write(uint16_t{0x22});
    const size_t optional = out.size();
    out.write(uint16_t(is_64_bit ? 0x20B : 0x10B));
    pad_to(out, optional + directories + 6 * 8);  // the debug directory is the seventh
    out.write(kAddress);
    out.write(uint32_t{28});
    pad_to(out, optional + optional_size);
    out.append_text(std::string_view(".rdata\0\0", 8));
    for (const uint32_t value : {512u, kAddress, 512u, uint32_t{kSection}, 0u, 0u, 0u, 0u}) {
        out.write(value);
    }
    pad_to(out, kSection);
    for (const uint32_t value :
         {0u, 0u, 0u, 2u, uint32_t(reference.size()), kAddress + 28, uint32_t{kSection + 28}}) {
        out.write(value);
    }
    out.append(reference.bytes());
    pad_to(out, kSection + 512);
    return out.take();
}

}  // namespace etw::tmf::test
