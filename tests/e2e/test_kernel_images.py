"""Images of programs as they come and go, and what each log tells by itself of what runs."""
import collections
import ctypes
import mmap
import os
import pathlib
import subprocess
import sys

from harness import SANITIZED, wait_for
from kernel import HAS_TYPES, KernelTest


class Images(KernelTest):
    def test_code_that_is_made_at_run_time_is_where_it_is(self):
        self.tracelog("-start", "S", "-f", "a.etl", "-eflag", "PROC_THREAD+LOADER")
        with mmap.mmap(-1, 3 * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
                       prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as code:
            address = ctypes.addressof(ctypes.c_char.from_buffer(code))
            self.tracelog("-systemrundown", "S")
        self.stop("S")
        for name in ("Image/Load", "Image/DCStart"):
            places = [(int(e["ImageBase"], 0), int(e["ImageSize"], 0))
                      for e in self.events(name, "a.etl")
                      if e["ProcessId"] == os.getpid() and e["FileName"] == "//anon"]
            # The kernel makes one of it and a neighbour that has the same rights.
            self.assertTrue(any(base <= address and address + 3 * mmap.PAGESIZE <= base + size
                                for base, size in places), (name, hex(address), places))

    def images_of(self, pid, *names):
        """Loads and UnLoads in the process of files whose names begin like this, in the log's
        order: what, which file, where and by what thread; and that it has a child."""
        out = []
        for record in self.all_events("a.etl"):
            kind, fields = record.get("event", ""), record["fields"]
            if kind in ("Image/Load", "Image/UnLoad") and fields["ProcessId"] == pid:
                file = os.path.basename(fields["FileName"])
                for name in filter(file.startswith, names):
                    out.append((kind.split("/")[1], name, fields["ImageBase"], record["tid"]))
            elif kind == "Process/Start" and fields["ParentId"] == pid:
                out.append(("child",))
        return out

    def need_unmappings(self):
        if not HAS_TYPES:
            self.skipTest("this kernel does not tell what is unmapped")

    def test_a_library_is_unloaded_when_it_is_closed(self):
        self.need_unmappings()
        program = """
import _ctypes, os, sys, threading
for _ in range(100):
    _ctypes.dlclose(_ctypes.dlopen("libcrypt.so.1", 2))
def close_here():
    print(threading.get_native_id(), flush=True)
    _ctypes.dlclose(library)
library = _ctypes.dlopen("libcrypt.so.1", 2)
thread = threading.Thread(target=close_here)
thread.start()
thread.join()
if os.fork() == 0: os._exit(0)
os.wait()
"""
        self.tracelog("-start", "S", "-f", "a.etl", "-eflag", "PROC_THREAD+LOADER")
        child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        thread = int(child.communicate()[0])
        self.stop("S")
        images = self.images_of(child.pid, "libcrypt.")
        # The last is closed by another thread, and before anything else is done.
        self.assertEqual([what for what, *_ in images], ["Load", "UnLoad"] * 101 + ["child"])
        self.assertEqual({tid for *_, tid in images[:201]}, {child.pid})
        self.assertEqual(images[201][3], thread)

    def test_what_is_unmapped_in_parts_is_unloaded_with_the_last(self):
        self.need_unmappings()
        program = """
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
page = mmap.PAGESIZE
def load(name, at=0, rights=mmap.PROT_READ | mmap.PROT_EXEC):
    file = os.open(name, os.O_RDONLY)
    fixed = 0x10 if at else 0
    out = libc.mmap(at, 3 * page, rights, mmap.MAP_PRIVATE | fixed, file, 0)
    os.close(file)
    return out
def unmap(at, size):
    assert libc.munmap(at, size) == 0
parts, under, over, moved, data, stays = sys.argv[1:]
at = load(parts)
assert libc.madvise(at, 3 * page, 4) == 0
assert libc.munmap(at + 1, page) == -1
unmap(at + page, page)
unmap(at, page)
if os.fork() == 0: os._exit(0)
os.wait()
unmap(at, 3 * page)  # that are there
at = load(under)
assert load(over, at) == at
unmap(at, 3 * page)
at = load(data, rights=mmap.PROT_READ)
unmap(at, 3 * page)
load(stays)
at = load(moved)
assert libc.mremap(at, 3 * page, 6 * page, 1) != 2 ** 64 - 1
"""
        names = ("parts", "under", "over", "moved", "data", "stays")
        for name in names:
            (self.folder / name).write_bytes(bytes(3 * mmap.PAGESIZE))
        self.tracelog("-start", "S", "-f", "a.etl", "-eflag", "PROC_THREAD+LOADER")
        child = subprocess.Popen([sys.executable, "-c", program, *names], cwd=self.folder)
        self.assertEqual(child.wait(), 0)
        self.stop("S")
        images = self.images_of(child.pid, *names)
        # The last two as the process ends, in whatever order.
        self.assertEqual([image[:2] for image in images[:-2]], [
            ("Load", "parts"), ("child",), ("UnLoad", "parts"),
            ("Load", "under"), ("UnLoad", "under"), ("Load", "over"), ("UnLoad", "over"),
            ("Load", "stays"), ("Load", "moved")])
        self.assertEqual({image[:2] for image in images[-2:]},
                         {("UnLoad", "moved"), ("UnLoad", "stays")})

    def test_no_image_is_told_twice_of_a_program_that_runs_as_the_session_begins(self):
        self.need_unmappings()
        program = """
import _ctypes, sys, time
while True:
    _ctypes.dlclose(_ctypes.dlopen("libcrypt.so.1", 2))
    time.sleep(float(sys.argv[1]))
"""
        # A host that takes longer to begin has no room for as many.
        pause = "0.001" if SANITIZED else "0"
        child = subprocess.Popen([sys.executable, "-c", program, pause])
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_for(lambda: b"libcrypt" in pathlib.Path(f"/proc/{child.pid}/maps").read_bytes(),
                 "the library to be opened")
        self.tracelog("-start", "S", "-f", "a.etl", "-eflag", "PROC_THREAD+LOADER",
                      "-b", "256", "-max", "400")
        told = {"Image/DCStart": 1, "Image/Load": 1, "Image/UnLoad": -1, "Image/DCEnd": -1}
        self.tracelog("-flush", "S")
        self.stop("S")
        there = 0
        for record in self.all_events("a.etl"):
            change = told.get(record.get("event", ""))
            if change is None or record["fields"]["ProcessId"] != child.pid or \
                    "libcrypt" not in record["fields"]["FileName"]:
                continue
            there += change
            self.assertIn(there, (0, 1), record)
        self.assertEqual(there, 0)

    def test_a_library_that_is_opened_again_was_closed(self):
        program = """
import _ctypes, sys
for _ in range(3):
    for library in sys.argv[1:]:
        _ctypes.dlclose(_ctypes.dlopen(library, 2))
"""
        libraries = ["libcrypt.so.1", "libgcc_s.so.1"]
        self.tracelog("-start", "S", "-f", "a.etl", "-eflag", "PROC_THREAD+LOADER")
        child = subprocess.Popen([sys.executable, "-c", program, *libraries])
        self.assertEqual(child.wait(), 0)
        self.stop("S")
        at = collections.Counter()  # images at the same place at the same time
        loads = 0
        for record in self.all_events("a.etl"):
            kind = record.get("event", "")
            fields = record["fields"]
            if kind not in ("Image/Load", "Image/UnLoad") or fields["ProcessId"] != child.pid:
                continue
            if not any(name in fields["FileName"] for name in ("/libcrypt.", "/libgcc_s.")):
                continue
            loads += kind == "Image/Load"
            at[fields["ImageBase"]] += 1 if kind == "Image/Load" else -1
            self.assertIn(at[fields["ImageBase"]], (0, 1), record)
        self.assertGreaterEqual(loads, 3)
        self.assertEqual(set(at.values()), {0})


class EveryLog(KernelTest):
    """Each log file tells by itself whose its events are, also of processes that began before it
    and go on behind it."""
    GROUPS = "PROC_THREAD+LOADER+FILENAME"

    def setUp(self):
        super().setUp()
        sleeper = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        program = os.path.realpath("/usr/bin/sleep")
        self.pid = sleeper.pid
        wait_for(lambda: os.readlink(f"/proc/{self.pid}/exe") == program, "the program to begin")

    def expect_told(self, log, rundown):
        for name in ("Process", "Thread", "Image"):
            told = {e["ProcessId"] for e in self.events(f"{name}/{rundown}", log)}
            self.assertIn(self.pid, told, name)
        build_ids = {os.path.basename(e["PdbFileName"])
                     for e in self.events("ImageID/DbgID_RSDS", log) if e["ProcessId"] == self.pid}
        self.assertIn("sleep", build_ids)
        names = {os.path.basename(e["FileName"]) for e in self.events("FileIo/FileRundown", log)}
        self.assertIn("sleep", names)

    def test_that_an_update_begins(self):
        self.tracelog("-start", "S", "-f", "a.etl", "-eflag", self.GROUPS)
        self.tracelog("-update", "S", "-f", "b.etl")
        self.tracelog("-update", "S", "-f", "c.etl")
        self.stop("S")
        self.expect_told("b.etl", "DCStart")
        self.expect_told("c.etl", "DCStart")

    def test_of_a_newfile_session(self):
        self.tracelog("-start", "S", "-f", "n%d.etl", "-newfile", "1000", "-eflag", self.GROUPS)
        self.tracelog("-incrementfile", "S")
        self.tracelog("-incrementfile", "S")
        self.stop("S")
        self.expect_told("n2.etl", "DCStart")

    def test_but_not_for_ever_where_files_hold_little_else(self):
        self.tracelog("-start", "S", "-f", "n%d.etl", "-newfile", "12", "-kb", "-b", "4",
                      "-max", "4000", "-eflag", "PROC_THREAD")
        self.tracelog("-flush", "S")
        self.tracelog("-flush", "S")
        self.stop("S")
        logs = [log.name for log in self.folder.glob("n*.etl")]
        self.assertGreater(len(logs), 1)
        told = [e["ProcessId"] for e in self.events("Process/DCStart", *logs)]
        self.assertLessEqual(told.count(self.pid), 2)

    def test_that_is_saved_of_a_buffered_session(self):
        self.tracelog("-start", "S", "-buffering", "-eflag", self.GROUPS)
        self.tracelog("-flush", "S", "-f", "a.etl")
        self.tracelog("-flush", "S", "-f", "b.etl")
        self.stop("S")
        self.expect_told("a.etl", "DCEnd")
        self.expect_told("b.etl", "DCEnd")
