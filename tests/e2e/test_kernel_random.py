"""Kernel flags, stacks and kinds of sessions drawn at random. What a program did is told by the
flags that were in force while it did it, and by no others; kills and updates in between.

ETW_RANDOM_SEED chooses other draws; a failure prints the seed and what was drawn.
"""
import collections
import json
import os
import random
import subprocess
import sys
import unittest

from harness import DEADLINE, SANITIZED, WRITER_GUID
from kernel import HAS_TYPES, KernelTest

DRAWS = 6 if SANITIZED else 24

FLAGS = ["PROCESS", "THREAD", "LOADER", "CSWITCH", "DISPATCHER", "DPC", "INTERRUPT", "SYSCALL",
         "DISK_IO", "DISK_IO_INIT", "HARD_FAULTS", "ALL_FAULTS", "NETWORKTRACE", "PROFILE",
         "NO_SYSCONFIG"] + (["FILENAME", "FILE_IO", "FILE_IO_INIT"] if HAS_TYPES else [])
STACKS = ["CSwitch", "ReadyThread", "SyscallEnter", "ProcessCreate", "ThreadCreate", "Profile",
          "DpcExecute", "DiskReadInit", "PagefaultDemandZero"]

# Whose events are of which flags; any of them.
OF_FLAGS = {"Process": {"PROCESS"}, "Image": {"LOADER"}, "Thread": {"THREAD"},
            "Thread/CSwitch": {"CSWITCH"}, "Thread/ReadyThread": {"DISPATCHER"},
            "TcpIp": {"NETWORKTRACE"}, "UdpIp": {"NETWORKTRACE"},
            "DiskIo": {"DISK_IO", "DISK_IO_INIT"},
            "PageFault": {"HARD_FAULTS", "ALL_FAULTS"},
            "FileIo": {"FILENAME", "FILE_IO", "FILE_IO_INIT", "DISK_IO"}}

# Does a little of everything, a known number of times.
WORK = """
import os, socket, sys, threading, time
for i in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(i)
    os.waitpid(pid, 0)
threads = [threading.Thread(target=lambda: None) for _ in range(4)]
for thread in threads:
    thread.start()
    thread.join()
file = os.open("work", os.O_CREAT | os.O_RDWR)
os.write(file, b"x" * 100)
for _ in range(50):
    os.pread(file, 10, 0)
os.close(file)
listening = socket.create_server(("127.0.0.1", 0))
there = socket.create_connection(listening.getsockname())
here, _ = listening.accept()
there.sendall(b"y" * 12345)
left = 12345
while left:
    left -= len(here.recv(left))
for _ in range(20):
    time.sleep(0.001)  # lets go of the processor: a switch
print(os.getpid())
"""


class KernelOptions(KernelTest):
    def test_random_options(self):
        seed = int(os.environ.get("ETW_RANDOM_SEED", "5"))
        rng = random.Random(seed)
        whole = 0
        for number in range(DRAWS):
            draw = Draw(rng)
            what = f"seed {seed}, draw {number}: {draw}"
            for log in self.folder.glob("*.etl"):
                log.unlink()
            with self.subTest(what):
                whole += self.run_draw(draw)
                self.assertEqual(self.own_instances(), set())
        self.assertGreater(whole, 0)

    def run_draw(self, draw):
        """Returns whether the session has lost nothing."""
        guid = ["-guid", WRITER_GUID] if draw.writes else []
        self.tracelog("-start", *draw.name, *draw.mode, "-eflag", "+".join(draw.flags[0]),
                      *draw.stacks, *draw.clock, *guid)
        done = [(self.work(), draw.flags[0])]
        if draw.kills:
            self.tracelog("-flush", *draw.name, *draw.save)
            self.worker(but=[self.kill_worker()])
            self.tracelog("-flush", *draw.name, *draw.save)
            done.append((self.work(), draw.flags[0]))
        if len(draw.flags) == 2:
            self.tracelog("-update", *draw.name, "-eflag", "+".join(draw.flags[1]))
            done.append((self.work(), draw.flags[1]))
        if draw.writes:
            self.writer("--count", 100).finish()
        if draw.save:
            self.tracelog("-flush", *draw.name, *draw.save)
        stopped = self.tracelog("-stop", *draw.name, "-json", code=None)
        self.assertIn(stopped.returncode, (0, 3), stopped.stderr)
        status = json.loads(stopped.stdout)
        lost = status["events_lost"] + status["log_buffers_lost"]
        self.assertEqual(lost != 0, stopped.returncode == 3)
        self.check_etl(self.folder / "r.etl", "--strict")
        records = self.records("r.etl")
        self.check_kinds(records, set().union(*draw.flags), draw)
        if lost == 0 and not draw.save:  # newer events take the place of older ones there
            for pid, flags in done:
                self.check_work(records, pid, set(flags))
            if draw.writes:
                self.assertEqual(sum(r.get("event") == "Numbered" for r in records), 100)
        return lost == 0

    def work(self):
        done = subprocess.run([sys.executable, "-S", "-E", "-c", WORK], check=True, text=True,
                              capture_output=True, timeout=DEADLINE, cwd=self.folder)
        return int(done.stdout)

    def check_kinds(self, records, flags, draw):
        kinds = {(r.get("provider"), r.get("event", "").split("/")[-1]) for r in records}
        for provider, event in kinds:
            self.assertNotIn("Opcode(", event, f"{provider}: not decoded")
            if f"{provider}/{event}" in OF_FLAGS:
                allowed = OF_FLAGS[f"{provider}/{event}"]
            elif provider == "Process" or (provider == "Image" and draw.stacks):
                continue  # what ids and addresses stand for is told with anything
            elif provider in OF_FLAGS:
                allowed = OF_FLAGS[provider]
            else:
                continue
            self.assertTrue(allowed & flags, f"{provider}/{event} with {flags}")

    def check_work(self, records, pid, flags):
        count, sent = collections.Counter(), 0
        for record in records:
            kind = f"{record.get('provider')}/{record.get('event', '').split('/')[-1]}"
            fields = record.get("fields", {})
            if kind == "Process/Start" and fields["ParentId"] == pid:
                count["forks"] += 1
            if kind == "Thread/Start" and fields["ProcessId"] == pid:
                count["threads"] += 1
            if kind == "Thread/CSwitch" and fields["OldThreadId"] == pid:
                count["switches"] += 1
            if kind == "FileIo/Read" and fields["TTID"] == pid and fields["IoSize"] == 10:
                count["reads"] += 1
            if kind.startswith("TcpIp/Send") and fields["PID"] == pid:
                sent += fields["size"]
            if kind == "PerfInfo/SysClEnter":  # of any thread: it does not say of which
                count["calls"] += 1
        told = {"PROCESS": (count["forks"], 3), "THREAD": (count["threads"], 5),
                "FILE_IO_INIT": (count["reads"], 50), "NETWORKTRACE": (sent, 12345)}
        for flag, (found, there_were) in told.items():
            self.assertEqual(found, there_were if flag in flags else 0, flag)
        if "CSWITCH" in flags:
            self.assertGreaterEqual(count["switches"], 20)
        else:
            self.assertEqual(count["switches"], 0)
        if "SYSCALL" in flags:
            self.assertGreaterEqual(count["calls"], 100)


class Draw:
    """One session: what it is started with, and what happens to it."""

    def __init__(self, rng):
        self.name = rng.choice([["R"], []])
        self.mode = rng.choice([["-f", "r.etl"], ["-f", "r.etl", "-rt"], ["-buffering"],
                                ["-f", "r.etl", "-cir", "512"]]) + ["-b", "256"]
        self.save = ["-f", "r.etl"] if "-buffering" in self.mode else []
        self.flags = [self.some(rng) for _ in range(rng.choice([1, 2]))]
        self.stacks = []
        if rng.random() < 0.4:
            self.stacks = ["-stackwalk", "+".join(rng.sample(STACKS, rng.randint(1, 3)))]
        self.clock = rng.choice([[], [], ["-UseSystemTime"], ["-UsePerfCounter"], ["-UseCPUCycle"]])
        self.kills = rng.random() < 0.3
        self.writes = bool(self.name) and rng.random() < 0.4

    @staticmethod
    def some(rng):
        return sorted(rng.sample(FLAGS, rng.randint(1, 8)))

    def __str__(self):
        return " ".join([*self.name, *self.mode, *("+".join(flags) for flags in self.flags),
                         *self.stacks, *self.clock, *["killed"] * self.kills,
                         *["written to"] * self.writes])


if __name__ == "__main__":
    unittest.main()
