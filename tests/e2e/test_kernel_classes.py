"""Kernel events of files, ends of processes and datagrams, of programs whose every call is known."""
import collections
import os
import pathlib
import signal
import socket
import subprocess
import sys

from harness import DEADLINE, hang
from kernel import HAS_TYPES, KernelTest, TRACEFS


class ClassTest(KernelTest):
    def setUp(self):
        super().setUp()
        if not HAS_TYPES:
            self.skipTest("this kernel has no type information (BTF)")

    def run_python(self, code, *args, cwd=None):
        done = subprocess.run([sys.executable, "-S", "-E", "-B", "-c", code, *map(str, args)], check=True,
                              capture_output=True, text=True, timeout=DEADLINE,
                              cwd=cwd or self.folder)
        return done.stdout

    def start(self, *eflag):
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "+".join(eflag))

    def stop(self, name="T"):
        super().stop(name)


class Files(ClassTest):
    OPERATIONS = """
import os, sys
folder, count = sys.argv[1], int(sys.argv[2])
os.chdir(folder)
for i in range(count):
    fd = os.open(f"f{i}", os.O_CREAT | os.O_EXCL | os.O_RDWR)      # relative to the folder
    os.write(fd, b"x" * 1000)
    os.pwrite(fd, b"y" * 500, 8192)
    os.lseek(fd, 0, 0)
    os.read(fd, 4096)
    os.pread(fd, 100, 8192)
    os.fsync(fd)
    os.ftruncate(fd, 100)
    os.close(fd)
for i in range(count):
    os.rename(f"f{i}", f"g{i}")
    os.truncate(f"g{i}", 50 + i)
for i in range(count):
    try:
        os.open(f"{folder}/f{i}", os.O_RDONLY)
    except FileNotFoundError:
        pass
at = os.open(folder, os.O_RDONLY)
for i in range(count):
    os.unlink(f"g{i}", dir_fd=at)
os.listdir(at)
os.close(at)
print(os.getpid())
"""

    def test_every_operation_of_a_program_and_the_name_of_every_file(self):
        count = 50
        data = self.folder / "data"
        data.mkdir()
        self.start("FILE_IO", "FILE_IO_INIT", "PROC_THREAD")
        pid = int(self.run_python(self.OPERATIONS, data, count))
        self.stop()
        mine = [(e["event"].split("/")[-1], e["fields"]) for e in self.all_events("a.etl")
                if e.get("provider") == "FileIo" and e["fields"].get("TTID") == pid]
        paths = {f"{data}/{letter}{i}" for letter in "fg" for i in range(count)}
        names = collections.defaultdict(set)
        for e in self.all_events("a.etl"):
            if e.get("provider") == "FileIo" and e["event"].split("/")[-1] in ("Name", "FileRundown"):
                names[e["fields"]["FileObject"]].add(e["fields"]["FileName"])
        creates = [f for n, f in mine if n == "Create" and f["OpenPath"] in paths]
        made = [f for f in creates if int(f["FileObject"], 0) != 0]
        self.assertEqual(len(creates), 2 * count)
        self.assertEqual([f["OpenPath"] for f in made], [f"{data}/f{i}" for i in range(count)])
        objects = {f["FileObject"] for f in made}
        self.assertEqual(len(objects), count)
        of_files = collections.defaultdict(list)
        for name, f in mine:
            if f.get("FileObject") in objects:
                of_files[name].append(f)
        for name, expected in (("Write", 2), ("Read", 2), ("Flush", 1), ("SetInfo", 1),
                               ("Cleanup", 1), ("Close", 1)):
            self.assertEqual(len(of_files[name]), expected * count, name)
        # Another file can have the number of an inode that is free again, and then its own name.
        for fields in sum(of_files.values(), []):
            if "FileKey" in fields:
                self.assertTrue(names[fields["FileKey"]] & paths, fields)
        self.assertEqual(collections.Counter((f["Offset"], f["IoSize"]) for f in of_files["Write"]),
                         {(0, 1000): count, (8192, 500): count})
        self.assertEqual(collections.Counter((f["Offset"], f["IoSize"]) for f in of_files["Read"]),
                         {(0, 4096): count, (8192, 100): count})
        self.assertEqual(sum(n == "Rename" for n, _ in mine), count)
        self.assertEqual([f["FileName"] for n, f in mine if n == "RenamePath"],
                         [f"{data}/g{i}" for i in range(count)])
        self.assertEqual([(names[f["FileKey"]] & {f"{data}/g{i}"}, int(f["ExtraInfo"], 0))
                          for i, f in enumerate(f for n, f in mine if n == "SetInfo"
                                                and int(f["FileObject"], 0) == 0)],
                         [({f"{data}/g{i}"}, 50 + i) for i in range(count)])
        self.assertEqual(sum(n == "Delete" for n, _ in mine), count)
        self.assertEqual([f["FileName"] for n, f in mine if n == "DeletePath"],
                         [f"{data}/g{i}" for i in range(count)])
        self.assertGreaterEqual(sum(n == "DirEnum" for n, _ in mine), 2)
        # Every operation ends, with what came of it.
        ends = {e["IrpPtr"]: e for e in self.events("FileIo/OperationEnd", "a.etl")}
        for fields in creates:
            failed = int(fields["FileObject"], 0) == 0
            status = ends[fields["IrpPtr"]]["NtStatus"]
            self.assertEqual("C0000034" in str(status).upper(), failed, status)
        for fields in of_files["Read"]:
            self.assertEqual(int(ends[fields["IrpPtr"]]["ExtraInfo"], 0), fields["IoSize"])
        self.check_etl(self.folder / "a.etl")

    def test_what_was_opened_before_the_trace_has_its_name(self):
        path = self.folder / "before"
        code = """
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
print(os.getpid(), flush=True)
sys.stdin.readline()
os.write(fd, b"x" * 777)
"""
        child = subprocess.Popen([sys.executable, "-c", code, str(path)], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        self.start("FILE_IO_INIT")
        child.communicate("\n", timeout=DEADLINE)
        self.stop()
        write, = [e for e in self.events("FileIo/Write", "a.etl")
                  if e["TTID"] == child.pid and e["IoSize"] == 777]
        named = {e["FileObject"]: e["FileName"] for e in self.events("FileIo/Name", "a.etl")}
        self.assertEqual(named[write["FileKey"]], str(path))

    LONG = """
import os, sys
path = sys.argv[1]
os.mkdir(path)
os.chdir(path)
folders = []
def down(length):
    global path
    folders.append("d" * length)
    os.mkdir(folders[-1])
    os.chdir(folders[-1])
    path += "/" + folders[-1]
while 4095 - len(path) > 256:
    down(min(200, 4095 - len(path) - 57))
last = 4095 - len(path) - 1
at = path
os.close(os.open(f"{at}/{'f' * last}", os.O_CREAT | os.O_WRONLY))
try:
    os.open(f"{at}/{'g' * last}", os.O_RDONLY)
except FileNotFoundError:
    pass
os.rename(f"{at}/{'f' * last}", f"{at}/{'h' * last}")
os.unlink("h" * last)
for _ in range(20):
    down(200)
os.close(os.open("deep", os.O_CREAT | os.O_WRONLY))
os.unlink("deep")
for folder in reversed(folders):
    os.chdir("..")
    os.rmdir(folder)
print(os.getpid(), at, last)
"""

    def test_the_longest_paths_are_whole_and_deeper_ones_say_that_they_are_not(self):
        self.start("FILE_IO", "FILE_IO_INIT", "PROC_THREAD")
        pid, at, last = self.run_python(self.LONG, self.folder / "long").split()
        self.stop()
        paths = {letter: f"{at}/{letter * int(last)}" for letter in "fgh"}
        self.assertEqual({len(p) for p in paths.values()}, {4095})
        mine = [(e["event"].split("/")[-1], e["fields"]) for e in self.all_events("a.etl")
                if e.get("provider") == "FileIo" and e["fields"].get("TTID") == int(pid)]
        opened = [f["OpenPath"] for n, f in mine if n == "Create"]
        for letter in "fg":
            self.assertIn(paths[letter], opened)
        self.assertIn(paths["h"], [f["FileName"] for n, f in mine if n == "RenamePath"])
        named = {e["FileName"] for e in self.events("FileIo/Name", "a.etl")}
        self.assertIn(paths["f"], named)
        deep, = (p for p in opened if p.endswith("/deep"))
        self.assertTrue(deep.startswith(".../"), deep[:30])
        self.assertGreater(len(deep), 4000)
        self.assertEqual(set(deep[3:-5].split("/")), {"", "d" * 200})
        self.check_etl(self.folder / "a.etl")

    def test_counts_are_those_of_strace(self):
        if subprocess.run(["which", "strace"], capture_output=True).returncode != 0:
            self.skipTest("needs strace")
        source = self.folder / "source"
        source.write_bytes(os.urandom(300_000))
        summary = self.folder / "calls"
        self.start("FILE_IO", "FILE_IO_INIT", "PROC_THREAD")
        subprocess.run(["strace", "-f", "-o", str(summary), "-e",
                        "trace=openat,read,pread64,write,close",
                        "dd", f"if={source}", f"of={self.folder}/copy", "bs=1000"],
                       check=True, capture_output=True, timeout=DEADLINE)
        self.stop()
        pid = int(summary.read_text().split()[0])
        calls = collections.Counter()
        for line in summary.read_text().splitlines():
            name = line.split()[1].split("(")[0]
            # Output to the pipes of this test is none to files.
            if name != "write" or line.split("(")[1].startswith("1,"):
                calls[name] += 1
        mine = collections.Counter()
        written = 0
        for name in ("Create", "Read", "Write"):
            for e in self.events(f"FileIo/{name}", "a.etl"):
                if e["TTID"] == pid:
                    mine[name] += 1
                    written += e["IoSize"] if name == "Write" else 0
        self.assertEqual((mine["Create"], mine["Read"], mine["Write"]),
                         (calls["openat"], calls["read"] + calls["pread64"], calls["write"]))
        self.assertEqual(written, 300_000)

    def test_fio_names_what_is_opened(self):
        path = self.folder / "named"
        self.tracelog("-start", "-f", "a.etl", "-fio")
        path.write_text("x")
        self.stop("NT Kernel Logger")
        self.assertIn(str(path), {e["FileName"] for e in self.events("FileIo/Name", "a.etl")})
        self.assertIn(str(path), {e["FileName"] for e in self.events("FileIo/FileRundown", "a.etl")})
        self.assertFalse(self.events("FileIo/Create", "a.etl"))

    def test_what_found_no_room_is_counted(self):
        """The collector is stopped while a program does more than the rings hold."""
        self.start("FILE_IO", "FILE_IO_INIT")
        worker = self.worker()
        hang(worker)
        try:
            self.run_python("""
import os
os.sched_setaffinity(0, {0})
fd = os.open("x", os.O_CREAT | os.O_RDWR)
for _ in range(50_000):
    os.pread(fd, 1, 0)
""")
        finally:
            os.kill(worker, signal.SIGCONT)
        done = self.tracelog("-stop", "T", code=3)
        lost = int(next(l for l in done.stdout.splitlines() if l.startswith("Events Lost:")).split()[-1])
        path = str(self.folder / "x")
        keys = {e["FileObject"] for e in self.events("FileIo/Name", "a.etl") if e["FileName"] == path}
        told = sum(e["FileKey"] in keys for e in self.events("FileIo/Read", "a.etl"))
        self.assertGreater(lost, 0)
        # Others run beside the test: they may have lost some, too.
        self.assertLessEqual(50_000 - told, lost)


class Copies(ClassTest):
    COPIES = """
import os, socket, sys
source = os.open(sys.argv[1], os.O_RDONLY)
target = os.open(sys.argv[2], os.O_WRONLY)
out, end = os.pipe()
here, there = socket.socketpair()
os.lseek(source, 100, 0)
print(os.splice(source, end, 1000))                       # from where the file is
print(os.splice(out, target, 1000, offset_dst=5000))
print(os.sendfile(there.fileno(), source, 7000, 2000))    # more than there is
os.lseek(target, 300, 0)
print(os.copy_file_range(source, target, 400, offset_src=600))
os.write(os.open("/dev/null", os.O_WRONLY), b"x" * 50)
print(os.getpid())
"""

    def test_what_the_kernel_copies_for_a_program_is_read_and_written_where_it_is(self):
        source, target = self.folder / "source", self.folder / "target"
        source.write_bytes(b"x" * 8000)
        target.write_bytes(b"")
        self.start("FILE_IO", "FILE_IO_INIT", "PROC_THREAD")
        *counts, pid = map(int, self.run_python(self.COPIES, source, target).split())
        self.stop()
        self.assertEqual(counts, [1000, 1000, 1000, 400])
        names, told = {}, collections.defaultdict(list)
        for e in self.all_events("a.etl"):
            name, fields = e.get("event", "").split("/")[-1], e.get("fields", {})
            if name == "Name" and e["provider"] == "FileIo":
                names[fields["FileObject"]] = fields["FileName"]
            elif name in ("Read", "Write") and fields.get("TTID") == pid:
                key = (name, names.get(fields.get("FileKey")))
                told[key].append((fields["Offset"], fields["IoSize"]))
        self.assertEqual(told["Read", str(source)], [(100, 1000), (7000, 1000), (600, 400)])
        self.assertEqual(told["Write", str(target)], [(5000, 1000), (300, 400)])
        self.assertEqual(told["Write", "/dev/null"], [(0, 50)])


class Requests(ClassTest):
    """Reads and writes that have no call of their own."""
    SUBMIT = """
import ctypes, os, struct, sys
setup, getevents, submit = (206, 208, 209) if os.uname().machine == "x86_64" else (0, 4, 2)
call = ctypes.CDLL(None, use_errno=True).syscall
context = ctypes.c_ulong(0)
assert call(setup, 64, ctypes.byref(context)) == 0, ctypes.get_errno()
file = os.open(sys.argv[1], os.O_RDWR)
buffer = ctypes.create_string_buffer(b"x" * 4096, 4096)
at = ctypes.addressof(buffer)
parts = ctypes.create_string_buffer(struct.pack("PNPN", at, 10, at + 10, 20))
read, write, write_parts = 0, 1, 8
requests = [ctypes.create_string_buffer(struct.pack("QIIHhIQQqQII", 0, 0, 0, what, 0, file, where,
                                                    size, offset, 0, 0, 0), 64)
            for what, where, size, offset in ((write, at, 1000, 3000), (read, at, 4096, 7000),
                                              (write_parts, ctypes.addressof(parts), 2, 500))]
pointers = (ctypes.c_void_p * 3)(*map(ctypes.addressof, requests))
assert call(submit, context, 3, pointers) == 3, ctypes.get_errno()
events = ctypes.create_string_buffer(3 * 32)
assert call(getevents, context, 3, 3, events, None) == 3, ctypes.get_errno()
print(os.getpid())
"""
    SUBMIT_MANY = """
import ctypes, os, struct, sys
count = 1000
setup, getevents, submit = (206, 208, 209) if os.uname().machine == "x86_64" else (0, 4, 2)
call = ctypes.CDLL(None, use_errno=True).syscall
context = ctypes.c_ulong(0)
assert call(setup, count, ctypes.byref(context)) == 0, ctypes.get_errno()
files = [os.open(sys.argv[1], os.O_RDWR), os.open(sys.argv[1], os.O_RDWR)]
buffer = ctypes.create_string_buffer(b"x" * 4096, 4096)
requests = [ctypes.create_string_buffer(struct.pack("QIIHhIQQqQII", 0, 0, 0, 0, 0, files[i % 2],
                                                    ctypes.addressof(buffer), 1 + i, i, 0, 0, 0), 64)
            for i in range(count)]
pointers = (ctypes.c_void_p * count)(*map(ctypes.addressof, requests))
assert call(submit, context, count, pointers) == count, ctypes.get_errno()
events = ctypes.create_string_buffer(count * 32)
assert call(getevents, context, count, count, events, None) == count, ctypes.get_errno()
print(os.getpid())
"""
    RING = """
import ctypes, mmap, os, struct, sys
setup, enter = 425, 426
call = ctypes.CDLL(None, use_errno=True).syscall
parameters = ctypes.create_string_buffer(120)
ring = call(setup, 4, parameters)
if ring < 0:
    print(0)
    sys.exit()
entries, = struct.unpack_from("I", parameters, 0)
_, tail, _, _, _, _, array = struct.unpack_from("7I", parameters, 40)
places = mmap.mmap(ring, array + 4 * entries, mmap.MAP_SHARED)
slots = mmap.mmap(ring, 64 * entries, mmap.MAP_SHARED, offset=0x10000000)
file = os.open(sys.argv[1], os.O_RDWR)
os.lseek(file, 100, os.SEEK_SET)
buffer = ctypes.create_string_buffer(b"x" * 4096, 4096)
read, write, where_it_is = 22, 23, 2 ** 64 - 1
wanted = ((write, 1000, 3000), (read, 4096, 7000), (write, 50, where_it_is))
for i, (what, size, offset) in enumerate(wanted):
    struct.pack_into("BBHiQQIIQ", slots, 64 * (i % entries), what, 0, 0, file, offset,
                     ctypes.addressof(buffer), size, 0, i)
    struct.pack_into("I", places, array + 4 * (i % entries), i % entries)
    struct.pack_into("I", places, tail, i + 1)
    assert call(enter, ring, 1, 1, 1, None, 0) == 1, ctypes.get_errno()
print(os.getpid())
"""

    def told(self, code):
        path = self.folder / "file"
        path.write_bytes(b"x" * 8000)
        self.start("FILE_IO", "FILE_IO_INIT", "PROC_THREAD")
        pid = int(self.run_python(code, path))
        self.stop()
        names, told, ends = {}, [], {}
        for e in self.all_events("a.etl"):
            name, fields = e.get("event", "").split("/")[-1], e.get("fields", {})
            if name == "Name" and e["provider"] == "FileIo":
                names[fields["FileObject"]] = fields["FileName"]
            elif name == "OperationEnd":
                ends[fields["IrpPtr"]] = fields["ExtraInfo"]
            elif (name in ("Read", "Write") and fields.get("TTID") == pid
                  and names.get(fields["FileKey"]) == str(path)):
                told.append((name, fields["Offset"], fields["IoSize"], fields["IrpPtr"]))
        self.assertEqual([int(str(ends[irp]), 0) for *_, irp in told], [size for _, _, size, _ in told])
        return pid, sorted(t[:3] for t in told)

    def test_what_io_submit_asks_for_is_told_with_what_came_of_it(self):
        _, told = self.told(self.SUBMIT)
        self.assertEqual(told, [("Read", 7000, 1000), ("Write", 500, 30), ("Write", 3000, 1000)])

    def test_all_of_many_requests_of_one_call_are_told(self):
        _, told = self.told(self.SUBMIT_MANY)
        self.assertEqual(told, [("Read", i, 1 + i) for i in range(1000)])

    def test_what_io_uring_is_asked_for_is_told_with_what_came_of_it(self):
        if not (TRACEFS / "events/io_uring/io_uring_submit_req").is_dir():
            self.skipTest("this kernel does not tell requests of io_uring (before Linux 6.2)")
        pid, told = self.told(self.RING)
        if pid == 0:
            self.skipTest("no io_uring here")
        self.assertEqual(told, [("Read", 7000, 1000), ("Write", 100, 50), ("Write", 3000, 1000)])


class Faults(ClassTest):
    PAGES = (1, 7, 40, 41, 63)
    TOUCH = """
import mmap, os, sys
with open(sys.argv[1], "rb") as file:
    memory = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    memory.madvise(mmap.MADV_RANDOM)  # else the kernel reads what lies around, too
    for page in map(int, sys.argv[2:]):
        memory[page * mmap.PAGESIZE]
        memory[page * mmap.PAGESIZE + 1]
    print(os.getpid(), os.fstat(file.fileno()).st_ino)
"""

    def test_each_page_that_had_to_be_read_with_its_file_and_offset(self):
        """By the tracepoint of newer kernels, by a probe of ours before."""
        data = self.folder / "data"
        data.touch()
        os.truncate(data, 64 * 4096)  # never read or written: none of it is in memory
        if subprocess.run(["stat", "-f", "-c", "%T", data], capture_output=True,
                          text=True, check=True).stdout.strip() == "tmpfs":
            self.skipTest("files of a tmpfs are memory")
        self.start("HARD_FAULTS")
        thread, inode = map(int, self.run_python(self.TOUCH, data, *self.PAGES).split())
        self.stop()
        faults = [e["fields"] for e in self.all_events("a.etl") if e["event"] == "PageFault/HardFault"
                  and e["fields"]["TThreadId"] == thread and int(e["fields"]["FileObject"], 0) == inode]
        self.assertEqual([(f["ReadOffset"], f["ByteCount"]) for f in faults],
                         [(page * 4096, 4096) for page in self.PAGES])
        first = int(faults[0]["VirtualAddress"], 0) - self.PAGES[0] * 4096
        self.assertEqual([int(f["VirtualAddress"], 0) // 4096 - first // 4096 for f in faults],
                         list(self.PAGES))


class Ends(ClassTest):
    def test_exit_codes_and_signals(self):
        self.start("PROCESS")
        codes, killed = {}, {}
        for code in (0, 1, 3, 255):
            child = subprocess.Popen(["/bin/sh", "-c", f"exit {code}"])
            child.wait()
            codes[child.pid] = code
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGABRT):
            child = subprocess.Popen(["sleep", "1000"])
            child.send_signal(number)
            child.wait()
            killed[child.pid] = 128 + number
        # Of several threads another one ends the process.
        child = subprocess.Popen([sys.executable, "-c", """
import os, threading, time
threading.Thread(target=lambda: os._exit(7)).start()
threading.Event().wait()
"""])
        child.wait()
        codes[child.pid] = 7
        self.stop()
        ended = {e["ProcessId"]: e["ExitStatus"] for e in self.events("Process/End", "a.etl")}
        for pid, expected in {**codes, **killed}.items():
            self.assertEqual(ended[pid], expected, pid)
        started = {e["ProcessId"]: e["ExitStatus"] for e in self.events("Process/Start", "a.etl")}
        self.assertEqual(set(started[pid] for pid in codes), {259})


class Machine(ClassTest):
    def test_the_machine_stands_at_the_beginning(self):
        self.tracelog("-start", "-f", "a.etl")
        self.stop("NT Kernel Logger")
        cpu, = self.events("SystemConfig/CPU", "a.etl")
        self.assertEqual(cpu["ComputerName"], socket.gethostname())
        self.assertEqual(cpu["NumberOfProcessors"], os.sysconf("SC_NPROCESSORS_ONLN"))
        disks = {e["DiskNumber"] for e in self.events("SystemConfig/PhyDisk", "a.etl")}
        for disk in pathlib.Path("/sys/block").iterdir():
            if (disk / "device").exists():
                major, minor = map(int, (disk / "dev").read_text().split(":"))
                self.assertIn(major << 20 | minor, disks)
        self.assertTrue({e["DiskNumber"] for e in self.events("SystemConfig/LogDisk", "a.etl")}
                        <= disks)
        self.tracelog("-start", "T", "-f", "b.etl", "-eflag", "PROCESS+NO_SYSCONFIG")
        self.stop("T")
        self.assertFalse(self.events("SystemConfig/CPU", "b.etl"))
