"""Kernel events of what something else counts, too, while the host's worker is killed several times
under load: what is in the file and what is counted as lost make up what the other has counted, and
nothing is told twice."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from kernel import HAS_TYPES, TRACEFS
from test_kernel_kills import ROOM, Actor, Kills

PAGE = 4096
# What actors of this module have in common; each says what it does.
ACTOR = """
import ctypes, mmap, os, resource, signal, sys, time
PAGE = 4096
{}
for line in sys.stdin:
    numbers = act(int(line))
    print("done", *numbers, flush=True)
"""


class CountedKills(Kills):
    def check_between(self, found, least, most):
        """At most so many are in the file, and at least so many when those that are lost are added:
        of a counter as it was read within the session, and around it."""
        self.assertLessEqual(found, most)
        self.assertGreaterEqual(found + self.lost, least)

    def check_once(self, what, actor):
        """Things of which each was done once only."""
        self.assertEqual(len(set(what)), len(what))
        self.check(len(what), actor)


class KilledWorkerDisks(CountedKills):
    """A disk of the test's own, which counts what it is asked for."""
    REQUESTS = """
fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
page = mmap.mmap(-1, PAGE)
where = 0
def act(times):
    global where
    for i in range(times):
        (os.pwritev if i % 2 else os.preadv)(fd, [page], where)
        where += PAGE
        if i % 10 == 9:
            os.fsync(fd)
    return []
"""
    # In a disk's "stat". Some kernels have flushes among the writes.
    READS, READ_SECTORS, WRITTEN_SECTORS, FLUSHES = 0, 2, 6, 15

    def setUp(self):
        super().setUp()
        image = self.folder / "disk"
        image.touch()
        os.truncate(image, 64 << 20)
        done = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True) \
            if shutil.which("losetup") else None
        if done is None or done.returncode != 0:
            self.skipTest("needs a loop device")
        self.device = done.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", self.device], check=True)

    def counted(self):
        stat = pathlib.Path("/sys/block") / pathlib.Path(self.device).name / "stat"
        return list(map(int, stat.read_text().split()))

    def test_requests_and_bytes_of_a_disk(self):
        before = self.counted()
        self.start("-eflag", "DISK_IO+DISK_IO_INIT")
        actor = Actor(self.folder, self.device, code=ACTOR.format(self.REQUESTS))
        within = self.counted()
        self.kill_beside(actor, 200)
        least = [now - then for now, then in zip(self.counted(), within)]
        self.stop_and_count_lost()
        most = [now - then for now, then in zip(self.counted(), before)]
        device = os.stat(self.device).st_rdev
        number = os.major(device) << 20 | os.minor(device)
        told = {kind: [e for e in self.events(f"DiskIo/{kind}", "a.etl") if e["DiskNumber"] == number]
                for kind in ("Read", "Write", "FlushBuffers")}
        self.assertEqual((least[self.READS], least[self.FLUSHES]),
                         (actor.count // 2, actor.count // 10))
        for kind, sectors in (("Read", self.READ_SECTORS), ("Write", self.WRITTEN_SECTORS)):
            self.assertEqual(least[sectors] * 512, actor.count // 2 * PAGE)
            told_bytes = sum(e["TransferSize"] for e in told[kind])
            self.assertLessEqual(told_bytes, most[sectors] * 512)
            self.assertGreaterEqual(told_bytes + self.lost * PAGE, least[sectors] * 512)
        self.check_between(len(told["FlushBuffers"]), least[self.FLUSHES], most[self.FLUSHES])
        # Who made a request that was under way at a kill is not known.
        mine = [e for e in told["Read"] + told["Write"] if e["IssuingThreadId"] in (actor.pid, 0)]
        self.check_once([e["ByteOffset"] for e in mine], actor)


class KilledWorkerFaults(CountedKills):
    # Where no process has anything, sanitizers' shadows of memory included, so that a page is one of
    # these by its address.
    FIRST = 0x4800_0000_0000
    SOFT = """
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
where = int(sys.argv[1])
def act(times):
    global where
    private, anonymous, fixed = 2, 0x20, 0x100000
    size = max(times, 1) * PAGE
    at = libc.mmap(ctypes.c_void_p(where), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE,
                   private | anonymous | fixed, -1, ctypes.c_long(0))
    assert at == where
    libc.madvise(at, size, mmap.MADV_NOHUGEPAGE)
    memory = (ctypes.c_char * size).from_address(at)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for offset in range(0, times * PAGE, PAGE):
        memory[offset] = 1
    after = resource.getrusage(resource.RUSAGE_SELF)
    where += size
    return [after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt]
"""
    HARD = """
file = os.open(sys.argv[1], os.O_RDONLY)
memory = mmap.mmap(file, 0, prot=mmap.PROT_READ)
memory.madvise(mmap.MADV_RANDOM)  # else the kernel reads what lies around, too
where = 0
def act(times):
    global where
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(times):
        memory[where]
        where += PAGE
    after = resource.getrusage(resource.RUSAGE_SELF)
    return [after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt]
"""

    def test_pages_that_are_touched_for_the_first_time(self):
        self.start("-eflag", "ALL_FAULTS")
        actor = Actor(self.folder, self.FIRST, code=ACTOR.format(self.SOFT))
        self.kill_beside(actor, 2000)
        self.stop_and_count_lost()
        # Each of them is a fault for the kernel, too, and the program has some others.
        self.assertGreaterEqual(sum(soft for soft, _ in actor.told), actor.count)
        pages = [int(e["VirtualAddress"], 0) // PAGE
                 for e in self.events("PageFault/DemandZeroFault", "a.etl")]
        end = self.FIRST // PAGE + actor.count + len(actor.told)
        self.check_once([page for page in pages if self.FIRST // PAGE <= page < end], actor)

    def test_pages_that_have_to_be_read(self):
        data = self.folder / "data"
        data.touch()
        os.truncate(data, 8192 * PAGE)  # never read or written: none of it is in memory
        if subprocess.run(["stat", "-f", "-c", "%T", data], capture_output=True,
                          text=True, check=True).stdout.strip() == "tmpfs":
            self.skipTest("files of a tmpfs are memory")
        self.start("-eflag", "HARD_FAULTS")
        actor = Actor(self.folder, data, code=ACTOR.format(self.HARD))
        self.kill_beside(actor, 500)
        self.stop_and_count_lost()
        self.assertEqual(sum(hard for _, hard in actor.told), actor.count)
        inode = data.stat().st_ino
        self.check_once([e["ReadOffset"] for e in self.events("PageFault/HardFault", "a.etl")
                         if e["TThreadId"] == actor.pid and int(e["FileObject"], 0) == inode], actor)


class KilledWorkerInterrupts(CountedKills):
    DATAGRAMS = """
import socket
receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiving.bind(("127.0.0.1", 0))
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def act(times):
    for _ in range(times):
        sending.sendto(b"y" * 77, receiving.getsockname())
        receiving.recv(100)
    return []
"""

    @staticmethod
    def soft():
        """How often each kind of them has run."""
        _, *lines = pathlib.Path("/proc/softirqs").read_text().splitlines()
        return {line.split(":")[0].strip(): sum(map(int, line.split(":")[1].split())) for line in lines}

    @staticmethod
    def hard():
        """How often each numbered one of a single handler has come."""
        head, *lines = pathlib.Path("/proc/interrupts").read_text().splitlines()
        cpus = len(head.split())
        return {int(number): sum(map(int, rest.split()[:cpus]))
                for number, rest in (line.split(":", 1) for line in lines)
                if number.strip().isdigit() and ", " not in rest}

    def test_as_many_as_the_kernel_counts(self):
        soft, hard = self.soft(), self.hard()
        self.start("-eflag", "DPC+INTERRUPT")
        soft_within, hard_within = self.soft(), self.hard()
        self.kill_beside(Actor(self.folder, code=ACTOR.format(self.DATAGRAMS)), 2000)
        soft_least = {kind: n - soft_within[kind] for kind, n in self.soft().items()}
        hard_least = {number: n - hard_within.get(number, 0) for number, n in self.hard().items()}
        self.stop_and_count_lost()
        soft_most = {kind: n - soft[kind] for kind, n in self.soft().items()}
        hard_most = {number: n - hard.get(number, 0) for number, n in self.hard().items()}
        timers = ("TIMER", "HRTIMER")
        for name, kinds in (("TimerDPC", timers), ("DPC", soft_least.keys() - timers)):
            self.check_between(len(self.events(f"PerfInfo/{name}", "a.etl")),
                               sum(soft_least[kind] for kind in kinds),
                               sum(soft_most[kind] for kind in kinds))
        self.assertGreater(soft_least["NET_RX"], 2000)
        vectors = [e["Vector"] for e in self.events("PerfInfo/ISR", "a.etl")]
        for number, least in hard_least.items():
            self.check_between(vectors.count(number), least, hard_most[number])


class KilledWorkerThreads(CountedKills):
    PING_PONG = """
there, back = os.pipe(), os.pipe()
other = os.fork()
if other == 0:
    os.close(there[1])
    while os.read(there[0], 1):
        os.write(back[1], b"x")
    os._exit(0)
os.close(there[0])
def sleeps():
    # It waits for the next byte when it has written this one.
    while open(f"/proc/{other}/stat").read().rpartition(")")[2].split()[0] != "S":
        os.sched_yield()
    for line in open(f"/proc/{other}/status"):
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
def act(times):
    before = sleeps()
    for _ in range(times):
        os.write(there[1], b"x")
        os.read(back[0], 1)
    return [other, sleeps() - before]
"""
    BURN = """
def act(times):
    until = time.thread_time() + times / 1000
    while time.thread_time() < until:
        pass
    return []
"""

    @contextlib.contextmanager
    def another_host(self):
        """What is called is of a host in a folder of its own."""
        own = self.runtime, self.env
        self.runtime = self.folder / "other"
        self.env = dict(self.env, ETW_RUNTIME_DIR=str(self.runtime))
        try:
            yield
        finally:
            self.runtime, self.env = own

    def test_threads_that_are_woken(self):
        """As often as one sleeps, and at most as often as it is sent something."""
        self.start("-eflag", "DISPATCHER")
        actor = Actor(self.folder, code=ACTOR.format(self.PING_PONG))
        self.kill_beside(actor, 1000)
        self.stop_and_count_lost()
        other = actor.told[0][0]
        slept = sum(times for _, times in actor.told)
        woken = [e for e in self.events("Thread/ReadyThread", "a.etl") if e["TThreadId"] == other]
        self.assertGreater(slept, 0)
        # And as it is begun, and as it is told to end.
        self.check_between(len(woken), slept, actor.count + 2)

    def test_samples_of_a_thread_that_burns_its_time(self):
        """As many as another host has, which nobody kills: one each millisecond, but for those in
        which a virtual machine did not run."""
        with self.another_host():
            self.tracelog("-start", "T", "-f", "b.etl", *ROOM, "-eflag", "PROFILE")
        try:
            self.start("-eflag", "PROFILE")
            actor = Actor(self.folder, code=ACTOR.format(self.BURN))
            self.kill_beside(actor, 300)
            self.stop_and_count_lost()
        finally:
            with self.another_host():
                self.tracelog("-stop", "T", code=None)
                self.kill_hosts()
        taken, others = (sum(e["ThreadId"] == actor.pid for e in self.events("PerfInfo/SampleProf", log))
                         for log in ("a.etl", "b.etl"))
        others_lost = self.summary("b.etl")["events_lost"]
        self.check_between(taken, others * 0.8 - 20, (others + others_lost) * 1.2 + 20)


@unittest.skipUnless(HAS_TYPES, "this kernel has no type information (BTF)")
class KilledWorkerOperations(CountedKills):
    FILES = """
made = 0
def act(times):
    global made
    for _ in range(times):
        fd = os.open(f"f{made}", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        os.write(fd, b"x" * 33)
        os.close(fd)
        made += 1
    return []
"""

    def test_files_that_are_made_and_written(self):
        self.start("-eflag", "FILE_IO+FILE_IO_INIT")
        actor = Actor(self.folder, code=ACTOR.format(self.FILES))
        self.kill_beside(actor, 200)
        self.stop_and_count_lost()
        self.assertEqual(sum(p.name[0] == "f" for p in self.folder.iterdir()), actor.count)
        mine = {kind: [e for e in self.events(f"FileIo/{kind}", "a.etl") if e["TTID"] == actor.pid]
                for kind in ("Create", "Write", "Cleanup", "Close")}
        self.check_once([e["OpenPath"] for e in mine["Create"]
                         if e["OpenPath"].startswith(f"{self.folder}/f")], actor)
        written = [e for e in mine["Write"] if e["IoSize"] == 33]
        self.check(len(written), actor)
        ended = {e["IrpPtr"] for e in self.events("FileIo/OperationEnd", "a.etl")}
        self.check(sum(e["IrpPtr"] in ended for e in written), actor)
        keys = {e["FileKey"] for e in written}
        for kind in ("Cleanup", "Close"):
            self.check(sum(e["FileKey"] in keys for e in mine[kind]), actor)


class KilledWorkerProviders(CountedKills):
    SIGNALS = """
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
def act(times):
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGUSR1)
    return []
"""
    PROBES = """
#include <stdio.h>
#include <sys/sdt.h>
int main(void) {
    long n, fired = 0;
    while (scanf("%ld", &n) == 1) {
        for (; n > 0; --n) {
            ++fired;
            STAP_PROBE1(sample, tick, fired);
        }
        printf("done\\n");
        fflush(stdout);
    }
    return 0;
}
"""

    def check_signals(self, actor):
        told = [r["fields"] for r in self.all_events("a.etl") if r.get("provider") == "Linux.signal"
                and r.get("event") == "signal_generate" and r["pid"] == actor.pid]
        self.check(sum(fields["sig"] == signal.SIGUSR1 for fields in told), actor)

    def test_a_subsystem_of_the_kernel(self):
        self.start("-guid", "*Linux.signal")
        actor = Actor(self.folder, code=ACTOR.format(self.SIGNALS))
        self.kill_beside(actor, 1000)
        self.stop_and_count_lost()
        self.check_signals(actor)

    def test_a_subsystem_for_some_processes(self):
        self.start("-eflag", "NO_SYSCONFIG")
        actor = Actor(self.folder, code=ACTOR.format(self.SIGNALS))
        self.tracelog("-enable", "T", "-guid", "*Linux.signal", "-PidFilter", "1", actor.pid)
        self.kill_beside(actor, 1000)
        self.stop_and_count_lost()
        self.check_signals(actor)

    def test_probes_of_a_program(self):
        compiler = shutil.which(os.environ.get("ETW_CC", "cc"))
        (self.folder / "sample.c").write_text(self.PROBES)
        done = subprocess.run([compiler, "-O1", "-o", self.folder / "sample", self.folder / "sample.c"],
                              capture_output=True, text=True) if compiler else None
        if done is None or done.returncode != 0:
            self.skipTest("needs a compiler and sys/sdt.h")
        if not (TRACEFS / "uprobe_events").exists():
            self.skipTest("this kernel has no uprobes")
        self.start("-guid", "usdt:sample:sample")
        actor = Actor(self.folder, program=[self.folder / "sample"])
        self.kill_beside(actor, 1000)
        self.stop_and_count_lost()
        fired = [r["fields"]["arg1"] for r in self.all_events("a.etl")
                 if r.get("event") == "tick" and r["pid"] == actor.pid]
        self.assertEqual(fired, sorted(fired))
        self.check_once(fired, actor)


if __name__ == "__main__":
    unittest.main()
