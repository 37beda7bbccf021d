#include "kernel/programs/file_code.h"

#include <linux/magic.h>
#include <sys/stat.h>

namespace etw::kernel {
namespace {

using Size = BpfCode::Size;

// Of a path, the last of its parts not counted in its bytes.
constexpr int32_t kMaxParts = 128;
constexpr int32_t kMaxPart = 256;
constexpr int32_t kMaxPartBytes = 4096;
static_assert(sizeof(FileName) + kMaxPartBytes + kMaxPart <= kFileScratchSize);

#define FILE_AT(member) int(offsetof(CallFile, member))
#define NAME_AT(member) int(offsetof(FileName, member))
constexpr int kTakenAt = NAME_AT(size);  // bytes of the parts of a path so far

}  // namespace

Result<FileOffsets> find_file_offsets() {
    ETW_TRY(KernelTypes t, KernelTypes::load());
    FileOffsets o{};
    o.task_files = t.offset("task_struct", "files");
    o.task_fs = t.offset("task_struct", "fs");
    o.files_table = t.offset("files_struct", "fdt");
    o.table_size = t.offset("fdtable", "max_fds");
    o.table_files = t.offset("fdtable", "fd");
    o.file_inode = t.offset("file", "f_inode");
    o.file_position = t.offset("file", "f_pos");
    o.file_path = t.offset("file", "f_path");
    o.path_mount = t.offset("path", "mnt");
    o.path_entry = t.offset("path", "dentry");
    o.inode_mode = t.offset("inode", "i_mode");
    o.inode_number = t.offset("inode", "i_ino");
    o.inode_super = t.offset("inode", "i_sb");
    o.super_device = t.offset("super_block", "s_dev");
    o.super_magic = t.offset("super_block", "s_magic");
    o.entry_parent = t.offset("dentry", "d_parent");
    o.entry_name = t.offset("dentry", "d_name");
    o.entry_inode = t.offset("dentry", "d_inode");
    o.name_text = t.offset("qstr", "name");
    o.mount_inner = t.offset("mount", "mnt");
    o.mount_parent = t.offset("mount", "mnt_parent");
    o.mount_point = t.offset("mount", "mnt_mountpoint");
    o.inner_root = t.offset("vfsmount", "mnt_root");
    o.fs_current = t.offset("fs_struct", "pwd");
#if defined(__x86_64__)
    o.task_compat = t.offset("task_struct", "thread_info") + t.offset("thread_info", "status");
#elif defined(__aarch64__)
    o.task_compat = t.offset("task_struct", "thread_info") + t.offset("thread_info", "flags");
#endif
    if (!t.complete()) return Error{Code::kNotSupported, "the kernel's structures are others", 0};
    return o;
}

void FileCode::write_inode_of() {
    constexpr int kValue = -8, kSuper = -16;
    const auto no = code_.label();
    code_.place(inode_of_);
    code_.set(r6, r1);
    code_.set(r7, r2);
    code_.store(Size::k64, r10, kValue, 0);
    fetch(kValue, r6, o_.inode_mode, 2);
    code_.load(Size::k64, r1, r10, kValue);
    code_.store(Size::k32, r7, FILE_AT(mode), r1);
    code_.calculate(BPF_AND, r1, S_IFMT);
    for (const int32_t kind : {0, S_IFIFO, S_IFSOCK}) code_.jump_if(BPF_JEQ, r1, kind, no);
    fetch(kSuper, r6, o_.inode_super);
    code_.load(Size::k64, r8, r10, kSuper);
    fetch(kValue, r8, o_.super_magic);
    code_.load(Size::k64, r1, r10, kValue);
    code_.jump_if(BPF_JEQ, r1, ANON_INODE_FS_MAGIC, no);
    code_.store(Size::k64, r10, kValue, 0);
    fetch(kValue, r8, o_.super_device, 4);
    code_.load(Size::k64, r1, r10, kValue);
    code_.store(Size::k32, r7, FILE_AT(device), r1);
    fetch(kValue, r6, o_.inode_number);
    code_.load(Size::k64, r1, r10, kValue);
    code_.store(Size::k64, r7, FILE_AT(inode), r1);
    code_.leave(1);
    code_.place(no);
    code_.leave(0);
}

void FileCode::write_find_file() {
    constexpr int kValue = -8, kTask = -16;
    const auto no = code_.label();
    code_.place(find_file_);
    code_.set(r6, r1);
    code_.narrow(r6);
    code_.set(r7, r2);
    code_.store(Size::k64, r7, FILE_AT(file), 0);
    code_.call_helper(BPF_FUNC_get_current_task);
    code_.set(r8, r0);
    fetch(kTask, r8, o_.task_files);
    code_.load(Size::k64, r8, r10, kTask);
    code_.jump_if(BPF_JEQ, r8, 0, no);
    fetch(kTask, r8, o_.files_table);
    code_.load(Size::k64, r8, r10, kTask);
    code_.store(Size::k64, r10, kValue, 0);
    fetch(kValue, r8, o_.table_size, 4);
    code_.load(Size::k64, r1, r10, kValue);
    code_.jump_if(BPF_JGE, r6, r1, no);
    fetch(kValue, r8, o_.table_files);
    code_.load(Size::k64, r8, r10, kValue);
    code_.calculate(BPF_LSH, r6, 3);
    code_.calculate(BPF_ADD, r8, r6);
    fetch(kValue, r8, 0);
    code_.load(Size::k64, r8, r10, kValue);
    code_.jump_if(BPF_JEQ, r8, 0, no);
    fetch(kValue, r8, o_.file_inode);
    code_.load(Size::k64, r1, r10, kValue);
    code_.set(r2, r7);
    code_.call(inode_of_);
    code_.jump_if(BPF_JEQ, r0, 0, no);
    code_.store(Size::k64, r7, FILE_AT(file), r8);
    code_.leave(1);
    code_.place(no);
    code_.leave(0);
}

// What was told is known by device, inode, name and folder: another name is told anew.
void FileCode::write_tell() {
    constexpr int kKey = -32, kZero = -40, kContext = -48, kScratch = -56, kText = -64;
    constexpr int kParent = -72, kOther = -80;
    const auto next = code_.label(), part = code_.label(), inside = code_.label();
    const auto cut = code_.label(), done = code_.label(), end = code_.label();
    code_.place(tell_);
    code_.store(Size::k64, r10, kContext, r1);
    code_.set(r7, r2);
    code_.set(r8, r3);
    code_.set(r9, r4);
    code_.store(Size::k64, r10, kZero, 0);
    code_.load(Size::k32, r1, r7, FILE_AT(device));
    code_.store(Size::k64, r10, kKey, r1);
    code_.load(Size::k64, r1, r7, FILE_AT(inode));
    code_.store(Size::k64, r10, kKey + 8, r1);
    fetch(kKey + 16, r9, o_.entry_parent);
    fetch(kKey + 24, r9, o_.entry_name);  // its hash and length
    look_up(file_maps_.told, kKey);
    code_.jump_if(BPF_JNE, r0, 0, end);
    look_up(file_maps_.scratch, kZero);
    code_.jump_if(BPF_JEQ, r0, 0, end);
    code_.store(Size::k64, r10, kScratch, r0);
    code_.store(Size::k32, r0, NAME_AT(kind), int32_t(FileRecordKind::kName));
    code_.load(Size::k32, r1, r7, FILE_AT(device));
    code_.store(Size::k32, r0, NAME_AT(device), r1);
    code_.load(Size::k64, r1, r7, FILE_AT(inode));
    code_.store(Size::k64, r0, NAME_AT(inode), r1);

    // How much is taken stands in memory, so that the kernel's check of the program sees the same
    // in every round.
    code_.set(r6, 0);  // parts
    code_.store(Size::k32, r0, kTakenAt, 0);
    code_.store(Size::k32, r0, NAME_AT(is_cut), 0);
    code_.place(next);
    code_.load(Size::k64, r1, r10, kScratch);
    code_.load(Size::k32, r7, r1, kTakenAt);
    code_.jump_if(BPF_JSGT, r6, kMaxParts, done);
    code_.jump_if(BPF_JSGE, r6, kMaxParts, cut);
    code_.jump_if(BPF_JGT, r7, kMaxPartBytes, cut);
    code_.calculate(BPF_ADD, r6, 1);
    fetch(kParent, r9, o_.entry_parent);
    fetch(kOther, r8, o_.inner_root);
    code_.load(Size::k64, r1, r10, kOther);
    code_.jump_if(BPF_JNE, r1, r9, inside);
    // The root of a mount: on with the folder that it is mounted on.
    code_.calculate(BPF_SUB, r8, int32_t(o_.mount_inner));
    fetch(kOther, r8, o_.mount_point);
    fetch(kText, r8, o_.mount_parent);
    code_.load(Size::k64, r1, r10, kText);
    code_.jump_if(BPF_JEQ, r1, r8, done);
    code_.load(Size::k64, r9, r10, kOther);
    code_.point(r8, r1, int32_t(o_.mount_inner));
    code_.jump(next);
    code_.place(inside);
    code_.load(Size::k64, r1, r10, kParent);
    code_.jump_if(BPF_JNE, r1, r9, part);
    code_.set(r6, kMaxParts + 1);  // in no tree: the last
    code_.place(part);
    fetch(kText, r9, o_.entry_name + o_.name_text);
    code_.load(Size::k64, r1, r10, kScratch);
    code_.calculate(BPF_ADD, r1, int(sizeof(FileName)));
    code_.calculate(BPF_ADD, r1, r7);
    code_.set(r2, kMaxPart);
    code_.load(Size::k64, r3, r10, kText);
    code_.call_helper(BPF_FUNC_probe_read_kernel_str);
    code_.jump_if(BPF_JSLE, r0, 0, done);
    code_.jump_if(BPF_JGT, r0, kMaxPart, done);
    code_.calculate(BPF_ADD, r7, r0);
    code_.load(Size::k64, r1, r10, kScratch);
    code_.store(Size::k32, r1, kTakenAt, r7);
    code_.load(Size::k64, r9, r10, kParent);
    code_.jump(next);

    code_.place(cut);
    code_.store(Size::k32, r1, NAME_AT(is_cut), 1);
    code_.place(done);
    code_.load(Size::k64, r1, r10, kContext);
    code_.load(Size::k64, r4, r10, kScratch);
    code_.load(Size::k32, r5, r4, kTakenAt);
    code_.jump_if(BPF_JGT, r5, kMaxPartBytes + kMaxPart, end);
    code_.calculate(BPF_ADD, r5, int(sizeof(FileName)));
    code_.put_out(file_maps_.output);
    code_.jump_if(BPF_JSLT, r0, 0, end);  // lost: to be told with the next call
    code_.keep(file_maps_.told, kKey, kZero);
    code_.place(end);
    code_.leave(0);
}

void FileCode::tell_file_in(Reg file, int record, int mount, int entry) {
    fetch(mount, file, o_.file_path + o_.path_mount);
    fetch(entry, file, o_.file_path + o_.path_entry);
    code_.set(r1, r6);
    code_.point(r2, r10, record);
    code_.load(Size::k64, r3, r10, mount);
    code_.load(Size::k64, r4, r10, entry);
    code_.call(tell_);
}

}  // namespace etw::kernel
