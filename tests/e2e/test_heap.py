"""Heap allocations and contended locks of programs that know nothing of it."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from harness import BIN, DEADLINE, SANITIZED, THREAD_SANITIZED, code_in, kill, wait_for
from kernel import KernelTest
from test_stacks import functions

ROUND = 13  # events of one round of the program: 6 Alloc, 1 ReAlloc, 6 Free
SIZES = [3333, 777, 704, 555, 693]  # of its allocations, but for the first
FUNCTIONS = ["malloc", "calloc", "realloc", "reallocarray", "memalign", "aligned_alloc",
             "posix_memalign", "valloc", "pvalloc", "free"]


def children(pid):
    for listed in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            yield from map(int, listed.read_text().split())


def parent_of(pid):
    """By what follows the name, which may have anything in it: state, parent."""
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def words_of(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


class Program:
    """A running etw-test-heap, or another program that answers its commands."""

    def __init__(self, *command, env=None):
        self.process = subprocess.Popen(list(command) or [str(BIN / "etw-test-heap")], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.pid = self.process.pid
        self.said = self.process.stdout.readline().split()
        assert self.said[0] == "ready", self.said

    def do(self, command):
        self.begin(command)
        self.wait()

    def begin(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def wait(self):
        assert self.process.stdout.readline() == "done\n"

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(DEADLINE)

    def codes(self):
        return {function: self.code_of(function) for function in FUNCTIONS}

    def code_of(self, function):
        """The first bytes of a function of its libc, as they are in its memory now."""
        def base(pid):
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                if "libc.so" in line:
                    return int(line.split("-")[0], 16)
            raise AssertionError("no libc")
        own = ctypes.cast(getattr(ctypes.CDLL("libc.so.6"), function), ctypes.c_void_p).value
        with open(f"/proc/{self.pid}/mem", "rb") as memory:
            memory.seek(own - base("self") + base(self.pid))
            return memory.read(8)


class HeapTest(KernelTest):
    def program(self, *command, **kwargs):
        program = Program(*map(str, command), **kwargs)
        def close():
            if program.process.poll() is None:
                program.process.kill()
            program.close()
        self.addCleanup(close)
        return program

    def start(self, what, *programs, options=("-f", "a.etl"), **kwargs):
        return self.tracelog("-start", "H", "-um", what, "-pids", len(programs),
                             *(p.pid for p in programs), *options, **kwargs)

    def stop(self, code=0):
        done = self.tracelog("-stop", "H", "-um", code=code)
        return int(re.search(r"Events Lost: +(\d+)\n", done.stdout)[1])

    def told(self, provider, *files):
        return [r for r in self.all_events(*(files or ("a.etl",))) if r.get("provider") == provider]

    def heap(self, *files):
        """[(event, fields), ...] in the log's order."""
        return [(r["event"].split("/")[-1], r["fields"]) for r in self.told("Heap", *files)]

    def sizes(self, *files, event="Alloc"):
        return [f["AllocSize"] for e, f in self.heap(*files) if e == event]


class Heap(HeapTest):
    def test_T11b_each_allocation_with_size_address_and_stack(self):
        program = self.program()
        program.do("heap 5")  # of no concern
        out = self.start("-heap", program).stdout
        self.assertTrue(out.startswith("Logger Started...\n"), out)
        self.assertIn(f"{'Log Mode:':<24}Private  Sequential\n", out)
        program.do("heap 40")
        self.assertEqual(self.stop(), 0)
        program.do("heap 5")
        self.assertEqual(self.own_instances(), set())
        records = self.told("Heap")
        self.assertEqual(len(records), 40 * ROUND)
        self.assertEqual({(r["pid"], r["tid"]) for r in records}, {(program.pid, program.pid)})
        self.assertEqual(sum([[10001 + 2 * i, *SIZES] for i in range(40)], []), self.sizes())
        live = {}
        for event, fields in self.heap():
            if event == "Alloc":
                self.assertNotIn(fields["AllocAddress"], live)
                live[fields["AllocAddress"]] = fields["AllocSize"]
            elif event == "ReAlloc":
                self.assertEqual(live.pop(fields["OldAllocAddress"]), fields["OldAllocSize"])
                self.assertEqual(fields["NewAllocSize"], 20003)
                live[fields["NewAllocAddress"]] = fields["NewAllocSize"]
            else:
                live.pop(fields["FreeAddress"])
        self.assertEqual(live, {})
        for record in records:
            self.assertEqual(functions(record["symbols"])[:3], ["heap_round", "heap_rounds", "main"],
                             record)
        # Of whom it is stands in the log, and of nobody else.
        begun = [r["fields"] for r in self.all_events("a.etl") if r.get("event") == "Process/DCStart"]
        self.assertEqual([p["ProcessId"] for p in begun], [program.pid])
        self.check_etl(self.folder / "a.etl")

    def test_it_is_a_private_session_to_all_commands(self):
        program = self.program()
        self.start("-heap", program, options=("-f", "a.etl", "-ft", "5"))
        self.assertEqual(self.start("-heap", program, code=None).returncode, 1)
        self.assertIn("4201L", self.tracelog("-q", "H", code=1).stdout)
        self.assertIn("4201L", self.tracelog("-stop", "H", code=1).stdout)
        self.assertEqual(json.loads(self.tracelog("-l", "-json").stdout), [])
        shown = json.loads(self.tracelog("-q", "H", "-um", "-json").stdout)
        self.assertEqual(shown["providers"][0]["guid"], "222962ab-6180-4b88-a825-346b75f2a24a")
        self.assertEqual(shown["providers"][0]["pid_filter"], [program.pid])
        program.do("heap 3")
        self.tracelog("-flush", "H", "-um")
        self.assertEqual(len(self.heap("a.etl")), 3 * ROUND)
        self.tracelog("-update", "H", "-um", "-f", "b.etl")
        program.do("heap 4")
        self.stop()
        self.assertEqual(len(self.heap("a.etl")), 3 * ROUND)
        self.assertEqual(len(self.heap("b.etl")), 4 * ROUND)

    def test_threads_that_come_later_and_no_children(self):
        program = self.program()
        self.start("-heap", program)
        program.do("thread 7")
        program.do("fork 5")
        program.do("heap 2")
        self.assertEqual(self.stop(), 0)
        first = [r for r in self.told("Heap") if r["fields"].get("AllocSize") in range(10001, 20000)]
        self.assertEqual({r["pid"] for r in first}, {program.pid})
        self.assertEqual([r["tid"] == program.pid for r in first], [False] * 7 + [True] * 2)

    def test_a_program_nobody_here_wrote(self):
        program = self.program(sys.executable, "-c", """
import sys
print("ready", flush=True)
for line in sys.stdin:
    kept = [bytes(100000 + i) for i in range(200)]
    print("done", flush=True)
""")
        self.start("-heap", program)
        program.do("")
        self.assertEqual(self.stop(), 0)
        large = [s for s in self.sizes() if 100000 <= s < 101000]
        self.assertEqual(large, [100000 + i + sys.getsizeof(b"") for i in range(200)])
        self.assertTrue(all("stack" in r for r in self.told("Heap")))

    def test_a_process_that_ends_and_one_that_goes_on(self):
        ends, goes_on = self.program(), self.program()
        self.start("-heap", ends, goes_on)
        ends.do("heap 3")
        self.assertEqual(ends.close(), 0)
        goes_on.do("heap 4")
        self.assertEqual(self.stop(), 0)
        of = lambda program: sum(r["pid"] == program.pid for r in self.told("Heap"))
        self.assertEqual(of(goes_on), 4 * ROUND)
        self.assertGreaterEqual(of(ends), 3 * ROUND)

    def test_what_is_lost_is_counted(self):
        program = self.program()
        self.start("-heap", program)
        worker = self.worker()
        os.kill(worker, signal.SIGSTOP)
        try:
            program.do("heap 8000")
        finally:
            os.kill(worker, signal.SIGCONT)
        lost = self.stop(code=3)
        self.assertGreater(lost, 0)
        self.assertEqual(len(self.told("Heap")) + lost, 8000 * ROUND)

    def build(self, name, *options):
        source = pathlib.Path(__file__).with_name("heap.c")
        done = subprocess.run([os.environ.get("ETW_CC", "cc"), "-O1", "-fno-builtin",
                               "-fno-omit-frame-pointer", *options, "-o", str(self.folder / name),
                               str(source), "-lpthread"], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("cannot link statically")
        return self.folder / name

    def test_a_program_with_a_malloc_of_its_own(self):
        program = self.program(self.build("static", "-static"))
        self.start("-heap", program)
        program.do("heap 6")
        self.assertEqual(self.stop(), 0)
        self.assertEqual(len(self.told("Heap")), 6 * ROUND)

    def test_what_cannot_be_recorded_is_refused_by_number(self):
        stripped = self.program(self.build("stripped", "-static", "-s"))
        gone = subprocess.Popen(["/bin/true"])
        gone.wait()
        for pid, code, words in ((gone.pid, 87, f"no process {gone.pid} runs"),
                                 (stripped.pid, 50, f"process {stripped.pid} has no malloc"),
                                 (2, 50, "process 2 has no malloc")):
            done = self.tracelog("-start", "H", "-um", "-heap", "-pids", 1, pid, code=1)
            self.assertIn(f"[{code}]", done.stderr)
            self.assertIn(words, done.stderr)
        self.assertEqual(list(self.folder.glob("*.etl")), [])
        self.assertIn("4201L", self.tracelog("-q", "H", "-um", code=1).stdout)
        done = self.tracelog("-start", "H", "-um", "-heap", "-pids", 11, *range(1, 12), code=1)
        self.assertIn("at most 10", done.stderr)

    def test_a_user_without_rights_is_told_so(self):
        program = self.program()
        self.env["ETW_RUNTIME_DIR"] = "/nonexistent"
        folder = self.folder / "nobody"
        folder.mkdir()
        os.chown(folder, 65534, 65534)
        self.runtime = folder / "run"
        self.env["ETW_RUNTIME_DIR"] = str(self.runtime)
        done = self.tracelog("-start", "H", "-um", "-heap", "-pids", 1, program.pid, "-f",
                             folder / "a.etl", user=65534, code=1)
        self.assertIn("[5]", done.stderr)
        self.assertIn("root", done.stderr)


class Detached(HeapTest):
    def test_functions_of_a_kind_are_let_go_together(self):
        """Each takes the kernel a wait for all processors by itself."""
        if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 10):
            self.skipTest("links of many uprobes that follow all threads are there since Linux 6.10")
        program = self.program()
        self.start("-heap", program)
        links = 0
        for info in pathlib.Path(f"/proc/{self.worker()}/fdinfo").iterdir():
            with contextlib.suppress(OSError):  # it has been closed
                links += "uprobe_multi" in info.read_text()
        self.stop()
        # Eight kinds at most, each with an entry and a return.
        self.assertGreater(links, 0)
        self.assertLessEqual(links, 16)

    def test_a_stop_leaves_the_program_as_it_was(self):
        program = self.program()
        program.do("heap 2")
        before = code_in(program.pid)
        self.start("-heap", program)
        during = code_in(program.pid)
        self.assertEqual(during.keys(), before.keys())
        changed = sum(before[place] != during[place] for place in before)
        self.assertEqual(changed, 1)  # libc
        program.do("heap 2")
        self.stop()
        self.assertTrue(code_in(program.pid) == before)
        program.do("heap 2")
        self.assertEqual(program.close(), 0)

    def test_killed_hosts_do_too_and_their_next_goes_on(self):
        program = self.program()
        before = program.code_of("malloc")
        self.start("-heap", program)
        program.do("heap 3")
        self.kill_hosts()
        wait_for(lambda: program.code_of("malloc") == before, "the code to be as before")
        program.do("heap 5")
        self.tracelog("-q", "H", "-um")  # takes up what was left
        self.assertNotEqual(program.code_of("malloc"), before)
        self.stop(code=None)
        self.assertEqual(program.code_of("malloc"), before)
        program.do("heap 1")
        self.assertEqual(program.close(), 0)

    def test_a_host_that_is_killed_as_it_begins(self):
        """Wherever the kernel was with its breakpoints, the next host has them taken out."""
        program = self.program()
        before = program.codes()
        for breakpoints in (1, 5, len(FUNCTIONS)):
            self.tracelog("-l")  # there is a host
            starts = subprocess.Popen([str(BIN / "tracelog"), "-start", "H", "-um", "-heap", "-pids",
                                       "1", str(program.pid), "-f", "a.etl"], env=self.env,
                                      cwd=self.folder, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            wait_for(lambda: sum(code != before[function] for function, code in
                                 program.codes().items()) >= breakpoints, "breakpoints")
            self.kill_hosts()
            starts.wait(DEADLINE)
            self.tracelog("-l")  # what is left is taken up, or cleaned up after
            self.tracelog("-stop", "H", "-um", code=None)
            self.assertEqual(program.codes(), before)
        program.do("heap 1")
        self.assertEqual(program.close(), 0)

    def test_hosts_that_are_killed_as_one_replaces_the_other(self):
        """The kernel gives up breakpoints that a process lets go of with a kill pending: one that is
        killed as it begins, and has copies that it closes then."""
        if not any(pathlib.Path("/proc/self/task").glob("*/children")):
            self.skipTest("this kernel does not tell a process's children")
        program = self.program()
        before = program.codes()
        self.start("-heap", program)
        for _ in range(3):
            worker = self.worker()
            os.kill(parent_of(worker), signal.SIGKILL)  # its keeper
            end = time.monotonic() + DEADLINE
            while not (successor := next(children(worker), None)):  # at once: it begins soon
                self.assertLess(time.monotonic(), end, "no next keeper")
            os.kill(worker, signal.SIGKILL)
            kill(worker)
            wait_for(lambda: b"--kept-fd" in words_of(successor), "it to begin")
            self.kill_hosts()
            wait_for(lambda: program.codes() == before, "the code to be as before")
            self.tracelog("-q", "H", "-um")  # takes up what was left
        self.stop(code=None)
        self.assertEqual(program.codes(), before)
        program.do("heap 1")
        self.assertEqual(program.close(), 0)


class KilledWorker(HeapTest):
    def test_what_happens_meanwhile_is_told(self):
        program = self.program()
        self.start("-heap", program)
        code = program.codes()
        killed = []
        for _ in range(3):
            program.do("heap 3")
            self.tracelog("-flush", "H", "-um")
            killed.append(self.kill_worker(killed))
            program.do("heap 4")
            self.assertEqual(program.codes(), code)  # it has the breakpoints as before
        self.stop(code=None)  # of other processes something may be lost
        self.assertEqual(len(self.heap()), 21 * ROUND)
        # Whatever their order: in an emulated machine a processor may stand still with a record that
        # it has not finished, while the other goes on.
        self.assertEqual(sorted(s for s in self.sizes() if s in range(10001, 10020)),
                         sorted(3 * [10001 + 2 * i for rounds in (3, 4) for i in range(rounds)]))

    def test_what_it_had_read_is_told_or_counted(self):
        program = self.program()
        self.start("-heap", program)
        killed = []
        for _ in range(5):
            program.begin("heap 500")
            killed.append(self.kill_worker(killed))
            program.wait()
            self.tracelog("-flush", "H", "-um")
        lost = self.stop(code=None)
        found = len(self.heap())
        self.assertLessEqual(found, 2500 * ROUND)
        # Counted is also what other processes did that are none of the session's.
        self.assertGreaterEqual(found + lost, 2500 * ROUND)

    def test_waits_for_locks(self):
        program = self.program()
        self.start("-critsec", program)
        program.do("locks 5")
        self.tracelog("-flush", "H", "-um")
        self.kill_worker()
        program.do("locks 4")
        self.stop(code=None)
        self.assertEqual(len(self.told("CritSec")), 9)


class Locks(HeapTest):
    def test_T11c_each_wait_with_lock_owner_time_and_stack(self):
        programs = [self.program(), self.program()]
        self.start("-critsec", *programs)
        for program, count in zip(programs, (9, 4)):
            program.do(f"locks {count}")
        self.assertEqual(self.stop(), 0)
        for program, count in zip(programs, (9, 4)):
            worker, mutex = int(program.said[1]), program.said[2]
            waits = [r for r in self.told("CritSec") if r["pid"] == program.pid]
            self.assertEqual(len(waits), count)
            for record in waits:
                self.assertEqual(record["event"].split("/")[-1], "Collision")
                self.assertEqual(record["tid"], worker)
                fields = record["fields"]
                self.assertEqual(fields["CritSecAddr"], mutex)
                self.assertEqual(int(str(fields["OwningThread"]), 0), program.pid)
                self.assertGreater(fields["WaitTime"], 0)
                found = functions(record["symbols"])
                self.assertTrue(any(found[i:i + 2] == ["wait_for_lock", "worker"]
                                    for i in range(len(found))), record["symbols"])
        self.check_etl(self.folder / "a.etl")

    def test_what_is_free_costs_nothing_and_is_not_told(self):
        program = self.program()
        before = program.code_of("pthread_mutex_lock")
        self.start("-critsec", program)
        self.assertEqual(program.code_of("pthread_mutex_lock"), before)
        program.do("heap 10")
        self.assertEqual(self.stop(), 0)
        self.assertEqual(self.told("CritSec"), [])

    def test_a_process_without_such_locks_is_refused(self):
        done = self.tracelog("-start", "H", "-um", "-critsec", "-pids", 1, 2, code=1)
        self.assertIn("[50]", done.stderr)
        self.assertIn("no pthread_mutex_lock", done.stderr)
