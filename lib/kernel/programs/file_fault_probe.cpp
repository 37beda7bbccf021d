#include "kernel/programs/file_fault_probe.h"

#include "kernel/programs/kernel_types.h"

#include <fmt/format.h>

namespace etw::kernel {

Result<Probe> file_fault_probe() {
    ETW_TRY(KernelTypes types, KernelTypes::load());
    // vm_fault_t filemap_fault(struct vm_fault* vmf): vmf->vma->vm_file->f_inode->i_ino
    const std::string place =
        fmt::format("filemap_fault i_ino=+{}(+{}(+{}(+{}($arg1)))):u64",
                    types.offset("inode", "i_ino"), types.offset("file", "f_inode"),
                    types.offset("vm_area_struct", "vm_file"), types.offset("vm_fault", "vma"));
    if (!types.complete()) {
        return Error{Code::kNotSupported, "faults on files: the kernel's structures are others", 0};
    }
    return Probe{kFileFaultEvent, {place}};
}

}  // namespace etw::kernel
