"""Providers that no program registers: the kernel's tracepoints and the probes of programs."""
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

from harness import WRITER_GUID, code_in, hang, wait_for
from kernel import TRACEFS, KernelTest, instances

SIGNAL = signal.SIGUSR1
WORKING = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
__extension__ unsigned short sample_tick_semaphore __attribute__((unused, section(".probes")));
/* For each line: says whether anybody traces, then fires that many times. */
int main(void) {
    long n;
    while (scanf("%ld", &n) == 1) {
        printf("%d\\n", *(volatile unsigned short*)&sample_tick_semaphore != 0);
        for (long i = 0; i < n; ++i) {
            STAP_PROBE3(sample, tick, i, (int)-i, (unsigned char)(i + 250));
        }
        printf("%ld\\n", n);
        fflush(stdout);
    }
    return 0;
}
"""


def probes():
    """Those that any host has defined, and that are ours."""
    try:
        lines = (TRACEFS / "uprobe_events").read_text().splitlines()
    except OSError:
        return []
    return [line for line in lines if line[2:].startswith("etw_")]


def signal_self(count):
    before = signal.signal(SIGNAL, signal.SIG_IGN)
    for _ in range(count):
        os.kill(os.getpid(), SIGNAL)
    signal.signal(SIGNAL, before)


class ProbesTest(KernelTest):
    def own_probes(self):
        pids = set(map(str, self.host_pids()))
        return [line for line in probes() if line.split("_")[1] in pids]

    def named(self, provider, event, *files):
        return [r for r in self.all_events(*files)
                if r.get("provider") == provider and r.get("event") == event]

    def signals(self, *files, to=None):
        return [r for r in self.named("Linux.signal", "signal_generate", *files)
                if r["fields"]["sig"] == SIGNAL and r["fields"]["pid"] == (to or os.getpid())]


class Tracepoints(ProbesTest):
    def test_a_subsystem_is_a_provider(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "*Linux.signal")
        signal_self(500)
        self.stop("T")
        found = self.signals("a.etl")
        self.assertEqual(len(found), 500)
        for record in found:
            self.assertEqual((record["pid"], record["tid"]),
                             (os.getpid(), threading.get_native_id()))
            self.assertEqual(record["level"], 4)
            self.assertEqual(record["fields"]["comm"],
                             pathlib.Path("/proc/self/comm").read_text().strip())
        self.assertEqual(self.own_instances(), set())
        self.check_etl(self.folder / "a.etl")

    def test_levels_and_keywords_select(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "Linux.signal", "-level", "3")
        listed, = json.loads(self.tracelog("-enumguidex", "Linux.signal", "-json").stdout)
        events = {e["name"]: e for e in listed["events"]}
        self.assertEqual(listed["sessions"][0]["level"], 3)
        self.assertEqual(events["signal_deliver"], {"name": "signal_deliver", "level": 4,
                                                    "keyword": "0x1"})
        self.assertEqual(events["signal_generate"]["keyword"], "0x2")
        signal_self(3)
        self.tracelog("-enable", "T", "-guid", "Linux.signal", "-matchanykw",
                      events["signal_generate"]["keyword"])
        signal_self(5)
        self.tracelog("-disable", "T", "-guid", "Linux.signal")
        self.assertEqual(self.own_instances(), set())
        signal_self(7)
        self.tracelog("-enable", "T", "-guid", "Linux.signal", "-matchanykw", "1")
        signal_self(11)
        self.tracelog("-stop", "T")
        self.assertEqual(len(self.signals("a.etl")), 5)
        self.assertEqual({r["keywords"] for r in self.named("Linux.signal", "signal_generate",
                                                           "a.etl")}, {"0x2"})

    def test_only_of_the_processes_of_a_filter(self):
        """The kernel drops the others' events, and the filter takes in what threads come later."""
        other = subprocess.Popen([sys.executable, "-c", """
import os, signal, sys, threading
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.readline()
def work():
    for _ in range(50): os.kill(os.getpid(), signal.SIGUSR1)
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print("done", flush=True)
sys.stdin.readline()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(other.stdout.close)
        self.addCleanup(other.communicate)
        self.assertEqual(other.stdout.readline(), "ready\n")
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", WRITER_GUID)
        self.tracelog("-enable", "T", "-guid", "*Linux.signal", "-PidFilter", "1", other.pid)
        limited, = (name for name in self.own_instances() if name.endswith("-pids"))
        signal_self(20)
        other.stdin.write("\n")
        other.stdin.flush()
        self.assertEqual(other.stdout.readline(), "done\n")
        entries = sum(int(line.split()[-1])
                      for stats in (TRACEFS / "instances" / limited).glob("per_cpu/cpu*/stats")
                      for line in stats.read_text().splitlines()
                      if line.startswith(("entries:", "read events:")))
        self.assertLess(entries, 2000)
        self.tracelog("-stop", "T")
        mine = self.signals("a.etl", to=other.pid)
        self.assertEqual(len(mine), 200)
        self.assertEqual({r["pid"] for r in mine}, {other.pid})
        self.assertEqual(len({r["tid"] for r in mine}), 4)
        self.assertEqual(self.signals("a.etl"), [])
        self.assertEqual(self.own_instances(), set())

    def test_with_a_programs_events_on_one_clock(self):
        writer = self.writer("--count", 500, "--wait", "--hold")
        self.start_recording("T", "-f", "a.etl")
        self.tracelog("-enable", "T", "-guid", "*Linux.signal")
        signal_self(1)
        writer.go()
        self.assertEqual(writer.written(), 500)
        signal_self(1)
        self.tracelog("-stop", "T")
        signals = {id(r) for r in self.signals("a.etl")}
        order = [r["event"] for r in self.all_events("a.etl")
                 if r.get("event") == "Numbered" or id(r) in signals]
        self.assertEqual(order[0], "signal_generate")
        self.assertEqual(order[-1], "signal_generate")
        self.assertEqual(order.count("Numbered"), 500)

    def test_in_a_buffered_session(self):
        self.tracelog("-start", "T", "-buffering", "-guid", "*Linux.signal")
        signal_self(10)
        self.tracelog("-flush", "T", "-f", "a.etl")
        self.tracelog("-stop", "T")
        self.assertEqual(len(self.signals("a.etl")), 10)

    def test_what_the_kernel_could_not_keep_is_counted(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "*Linux.raw_syscalls")
        lost = self.overflow(*self.own_instances())
        done = self.tracelog("-stop", "T", code=3)
        self.assertIn(f"Events Lost:            {lost}\n", done.stdout)

    def test_a_killed_host_goes_on(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "*Linux.signal")
        name, = self.own_instances()
        self.kill_hosts([self.worker()])
        signal_self(10)
        self.tracelog("-q", "T")
        # The signal that kills may be lost with the one that it kills.
        self.assertIn(self.tracelog("-stop", "T", code=None).returncode, (0, 3))
        self.assertNotIn(name, instances())
        self.assertEqual(len(self.signals("a.etl")), 10)

    def test_a_session_without_events_blames_no_program(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "*Linux.signal", "-level", "1")
        self.assertNotIn("no running program", self.tracelog("-stop", "T").stderr)

    def test_their_names_are_completed(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "*Linux.signal")
        found = self.tracelog("-complete", "-enable", "T", "-guid", "Linux.sig").stdout
        self.assertEqual(found, "Linux.signal\n")

    def test_what_a_killed_host_left_of_a_filter_is_removed_with_the_processes_gone(self):
        other = subprocess.Popen(["sleep", "1000"])
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", WRITER_GUID)
        self.tracelog("-enable", "T", "-guid", "*Linux.signal", "-PidFilter", "1", other.pid)
        left = self.own_instances()
        self.assertEqual(len(left), 2)
        hang(self.worker())  # nobody takes up what comes before the kill
        other.kill()
        other.wait()
        self.kill_hosts()
        self.tracelog("-q", "T", code=None)
        self.tracelog("-stop", "T", code=None)
        self.assertEqual(left & instances(), set())


class Usdt(ProbesTest):
    def program(self, source=WORKING):
        """A program with probes; it fires as often as it is told."""
        compiler = shutil.which(os.environ.get("ETW_CC", "cc"))
        (self.folder / "sample.c").write_text(source)
        done = subprocess.run([compiler, "-O1", "-o", self.folder / "sample",
                               self.folder / "sample.c"], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("needs sys/sdt.h: " + done.stderr[:200])
        if not (TRACEFS / "uprobe_events").exists():
            self.skipTest("this kernel has no uprobes")

    def run_program(self):
        process = subprocess.Popen([self.folder / "sample"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.communicate)
        return process

    def fire(self, process, count):
        """Whether the program saw that it was being traced."""
        process.stdin.write(f"{count}\n")
        process.stdin.flush()
        traced = process.stdout.readline()
        self.assertEqual(process.stdout.readline(), f"{count}\n")
        return traced == "1\n"

    def test_every_argument_of_every_hit(self):
        self.program()
        process = self.run_program()
        self.assertFalse(self.fire(process, 5))
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", "usdt:sample:sample")
        self.assertEqual(len(self.own_probes()), 1)
        self.assertTrue(self.fire(process, 1000))
        late = self.run_program()
        self.assertTrue(self.fire(late, 10))
        listed = json.loads(self.tracelog("-enumguid", "-json").stdout)
        self.assertEqual([p["name"] for p in listed], [f"usdt:{self.folder}/sample:sample"])
        self.stop("T")
        self.assertEqual(self.own_probes(), [])
        self.assertFalse(self.fire(process, 5))
        found = self.named(f"usdt:{self.folder}/sample:sample", "tick", "a.etl")
        mine = [r["fields"] for r in found if r["pid"] == process.pid]
        self.assertEqual(mine, [{"arg1": i, "arg2": -i, "arg3": (i + 250) % 256}
                                for i in range(1000)])
        self.assertEqual(sum(r["pid"] == late.pid for r in found), 10)

    def test_places_with_arguments_alike_are_one_event_of_the_kernels(self):
        """So that a session of hundreds of probes ends at once: the kernel waits for each event."""
        count = 60
        fires = "\n".join(f"STAP_PROBE(sample, none{i}); STAP_PROBE2(sample, two{i}, i, (int)(i + {i}));"
                          for i in range(count))
        source = WORKING.replace("#define _SDT_HAS_SEMAPHORES 1", "")
        self.program(source.replace("STAP_PROBE3(sample, tick, i, (int)-i, (unsigned char)(i + 250));",
                                    fires))
        name = f"usdt:{self.folder}/sample:sample"
        process = self.run_program()
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", name)
        self.assertEqual(len(self.own_probes()), 2 * count)
        events = {line.split()[0] for line in self.own_probes()}
        self.assertLessEqual(len(events), 4)  # a compiler may have a constant in another size
        self.fire(process, 3)
        self.tracelog("-flush", "T")
        # Other places, other events: those that fire are told by name all the same.
        self.tracelog("-enable", "T", "-guid", name, "-matchanykw", "0x1")
        self.assertEqual(len(self.own_probes()), 1)
        self.assertFalse(events & {line.split()[0] for line in self.own_probes()})
        self.fire(process, 2)
        self.stop("T")
        self.assertEqual(self.own_probes(), [])
        told = collections.defaultdict(list)
        for r in self.all_events("a.etl"):
            if r.get("provider") == name:
                told[r["event"]].append(r.get("fields", {}))
        expected = {f"none{i}": [{}] * 3 for i in range(count)}
        expected |= {f"two{i}": [{"arg1": n, "arg2": n + i} for n in range(3)] for i in range(count)}
        expected["none0"] = [{}] * 5
        self.assertEqual(dict(told), expected)

    def test_only_of_some_processes(self):
        self.program()
        wanted, other = self.run_program(), self.run_program()
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", WRITER_GUID)
        self.tracelog("-enable", "T", "-guid", f"usdt:{self.folder}/sample:sample", "-PidFilter",
                      "1", wanted.pid)
        self.fire(wanted, 20)
        self.fire(other, 30)
        self.tracelog("-disable", "T", "-guid", f"usdt:{self.folder}/sample:sample")
        self.assertEqual(self.own_probes(), [])
        self.assertFalse(self.fire(wanted, 5))
        self.tracelog("-stop", "T")
        pids = [r["pid"] for r in self.named(f"usdt:{self.folder}/sample:sample", "tick", "a.etl")]
        self.assertEqual(pids, [wanted.pid] * 20)

    def test_a_stop_and_a_disable_leave_the_program_as_it_was(self):
        self.program()
        process = self.run_program()
        self.fire(process, 1)
        before = code_in(process.pid)
        name = f"usdt:{self.folder}/sample:sample"
        def check():
            self.assertFalse(code_in(process.pid) == before)
            self.assertTrue(self.fire(process, 5))
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", name)
        check()
        self.tracelog("-disable", "T", "-guid", name)
        self.assertTrue(code_in(process.pid) == before)
        self.tracelog("-enable", "T", "-guid", name)
        check()
        self.stop("T")
        self.assertTrue(code_in(process.pid) == before)
        self.assertFalse(self.fire(process, 1))

    def test_an_interpreter_of_the_system(self):
        python = "/usr/bin/python3"
        done = self.tracelog("-start", "T", "-f", "a.etl", "-guid", f"usdt:{python}:python",
                             code=None)
        if done.returncode != 0:
            self.skipTest(f"{python} has no probes: {done.stderr}")
        running = subprocess.Popen([python, "-c", "import gc; gc.collect(1)"])
        self.assertEqual(running.wait(), 0)
        self.tracelog("-stop", "T")
        starts = [r["fields"] for r in self.named(f"usdt:{python}:python", "gc__start", "a.etl")
                  if r["pid"] == running.pid]
        self.assertIn({"arg1": 1}, starts)

    def test_what_is_not_there_is_refused_by_name(self):
        done = self.tracelog("-start", "T", "-f", "a.etl", "-guid", "usdt:/bin/true:nothing",
                             code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("[4200]", done.stderr)
        done = self.tracelog("-enable", "T", "-guid", "usdt:/no/such/file:x", code=None)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("[2]", done.stderr)
        self.tracelog("-stop", "T", code=None)
        self.assertIn("is not usdt:<path>:<provider>",
                      self.tracelog("-enable", "T", "-guid", "usdt:x", code=1).stderr)

    def test_a_killed_host_leaves_no_probe(self):
        self.program()
        process = self.run_program()
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", f"usdt:{self.folder}/sample:sample")
        left, = self.own_probes()
        self.kill_hosts([self.worker()])
        self.assertTrue(self.fire(process, 10))
        self.tracelog("-q", "T")
        self.assertTrue(self.fire(process, 10))
        self.tracelog("-flush", "T")
        self.kill_hosts()
        self.assertIn(left, probes())
        self.tracelog("-q", "T", code=None)  # a host takes the session up, or cleans up after it
        self.tracelog("-stop", "T", code=None)
        wait_for(lambda: left not in probes(), "the probe to be gone")
        self.assertFalse(self.fire(process, 1))
        found = self.named(f"usdt:{self.folder}/sample:sample", "tick", "a.etl")
        self.assertEqual(len(found), 20)

    def test_a_host_whose_end_nobody_has_asked_for_yet_leaves_nothing(self):
        self.program()
        prctl, be_subreaper = ctypes.CDLL(None).prctl, 36
        self.assertEqual(prctl(be_subreaper, 1, 0, 0, 0), 0)
        self.addCleanup(prctl, be_subreaper, 0, 0, 0, 0)
        self.tracelog("-start", "T", "-f", "a.etl", "-guid", f"usdt:{self.folder}/sample:sample")
        left, = self.own_probes()
        instance = self.own_instances()
        hosts = self.host_pids()
        self.kill_hosts()
        shutil.rmtree(self.runtime)  # the next one knows nothing of the session
        self.tracelog("-start", "Next", "-f", "b.etl")
        self.assertEqual(instance & instances(), set())
        self.assertNotIn(left, probes())
        for pid in hosts:
            with contextlib.suppress(ChildProcessError):  # of the keeper's
                os.waitpid(pid, 0)
