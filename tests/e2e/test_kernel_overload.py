"""Kernel events that come faster than the session's thread gets them written: what there is no
room for is counted, and the host does not keep it in its memory."""
import contextlib
import ctypes
import os
import subprocess
import sys
import threading
import time

from harness import SANITIZED
from kernel import KernelTest

READER = """
import os, sys
file = os.open(sys.argv[1], os.O_RDONLY)
for _ in range(int(sys.argv[2])):
    os.pread(file, 10, 0)
"""
PTRACE_CONT, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 7, 17, 0x4206, 0x4207
WALL = 0x40000000  # also a thread that is not the process's first


@contextlib.contextmanager
def slowed_down(thread):
    """Lets it run for a moment now and then."""
    libc = ctypes.CDLL(None, use_errno=True)
    done, began = threading.Event(), threading.Event()

    def ask(request):
        assert libc.ptrace(request, thread, None, None) == 0, os.strerror(ctypes.get_errno())

    def work():
        ask(PTRACE_SEIZE)
        began.set()
        while True:
            ask(PTRACE_INTERRUPT)
            os.waitpid(thread, WALL)
            if done.wait(0.05):
                break
            ask(PTRACE_CONT)
            time.sleep(0.0005)
        ask(PTRACE_DETACH)

    slower = threading.Thread(target=work)
    slower.start()
    assert began.wait(10)
    try:
        yield
    finally:
        done.set()
        slower.join()


class Overload(KernelTest):
    READERS, CALLS = 3, 400000
    # MB more than before: what the kernel's rings hold, taken once, and what waits to be written.
    MOST = 60 * os.cpu_count()

    def resident(self):
        """Of the worker, in MB."""
        with open(f"/proc/{self.worker()}/status", encoding="ascii") as status:
            return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) >> 10

    def test_file_calls(self):
        if SANITIZED:
            self.skipTest("the sanitizer keeps memory that is free")
        (self.folder / "data").write_bytes(b"x" * 100)
        self.tracelog("-start", "T", "-f", "a.etl", "-b", "4", "-min", "2", "-max", "2", "-eflag",
                      "FILE_IO")
        most = before = self.resident()
        with slowed_down(self.status("T")["logger_thread_id"]):
            readers = [subprocess.Popen([sys.executable, "-S", "-E", "-c", READER,
                                         self.folder / "data", str(self.CALLS)])
                       for _ in range(self.READERS)]
            while any(reader.poll() is None for reader in readers):
                most = max(most, self.resident())
        self.tracelog("-stop", "T", code=3)
        self.assertLess(most - before, self.MOST)
        summary = self.summary("a.etl")
        told = sum(kind["count"] for kind in summary["types"] if kind["type"] == "OperationEnd")
        self.assertGreater(summary["events_lost"], 0)
        self.assertGreaterEqual(told + summary["events_lost"], self.READERS * self.CALLS)
