// What our programs in the kernel that look at files share: where its structures have what, and
// functions that each program has a copy of.
#pragma once
#include "kernel/events/file_calls.h"
#include "kernel/programs/bpf_code.h"
#include "kernel/programs/kernel_types.h"

namespace etw::kernel {

// In bytes, of members of the kernel's structures.
struct FileOffsets {
    uint32_t task_files, task_fs, files_table, table_size, table_files;
    uint32_t file_inode, file_position, file_path, path_mount, path_entry;
    uint32_t inode_mode, inode_number, inode_super, super_device, super_magic;
    uint32_t entry_parent, entry_name, entry_inode, name_text;
    uint32_t mount_inner, mount_parent, mount_point, inner_root;
    uint32_t fs_current;
    uint32_t task_compat;
};
// kNotSupported where the kernel has others.
Result<FileOffsets> find_file_offsets();

// Descriptors.
struct FileMaps {
    int output;   // perf events
    int told;     // names that were put out: by device, inode, name and folder
    int scratch;  // kFileScratchSize bytes for each processor
};
constexpr uint32_t kFileScratchSize = 9216;

class FileCode {
protected:
    FileCode(const FileOffsets& offsets, const FileMaps& maps) : o_(offsets), file_maps_(maps) {}

    // Copies `size` bytes at `from` + `offset` of the kernel's memory to the stack.
    void fetch(int to, Reg from, uint32_t offset, int32_t size = 8) {
        code_.fetch(to, from, int32_t(offset), size);
    }
    void look_up(int map, int key) {
        code_.load_map(r1, map);
        code_.point(r2, r10, key);
        code_.call_helper(BPF_FUNC_map_lookup_elem);
    }
    // find_file(r1: descriptor, r2: CallFile): r0 = 1 for an open file that has a path; without
    // one, CallFile::file is 0.
    void write_find_file();
    // inode_of(r1: inode, r2: CallFile): r0 = 1 for one that has a path.
    void write_inode_of();
    // tell(r1: context, r2: CallFile, r3: mount, r4: directory entry): puts the path out, unless
    // that is done.
    void write_tell();

    // Calls it for the struct file in `file`, whose CallFile is on the stack, with the context in
    // r6; `mount` and `entry` are 8 bytes there each.
    void tell_file_in(Reg file, int record, int mount, int entry);

    const FileOffsets& o_;
    const FileMaps file_maps_;
    BpfCode code_;
    BpfCode::Label find_file_ = code_.label();
    BpfCode::Label inode_of_ = code_.label();
    BpfCode::Label tell_ = code_.label();
};

}  // namespace etw::kernel
