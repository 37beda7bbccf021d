"""Stacks, samples and counters of kernel events, with names of addresses."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

from harness import BIN, DEADLINE, wait_for
from kernel import KernelTest

CHAIN = ["chain::leaf(int)", "chain::middle(int)", "chain::outer(int)", "main"]


def functions(symbols):
    """"prog!chain::leaf(int)+0x1b" to "chain::leaf(int)", of what has a name."""
    return [re.sub(r"\+0x[0-9a-f]+$", "", s.split("!", 1)[1]) for s in symbols if "!" in s]


def has_chain(symbols):
    found = functions(symbols)
    return any(found[i:i + len(CHAIN)] == CHAIN for i in range(len(found)))


class StackTest(KernelTest):
    def record(self, *options, rounds=100, program=None):
        """A session while the chain runs; its process. All processors are kept busy: some kernels
        tell perf nothing of switches from the idle task."""
        busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"])
                for _ in os.sched_getaffinity(0)]
        try:
            self.tracelog("-start", "-f", "k.etl", "-b", "256", "-max", "400", *options)
            chain = subprocess.Popen([str(program or BIN / "etw-test-chain"), str(rounds)])
            self.assertEqual(chain.wait(), 0)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        # Where other processes of the machine fill the buffers, something may be lost.
        done = self.run_tool("tracelog", "-stop", code=None)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return chain.pid

    def lines(self, *options):
        out = self.run_tool("tracefmt", "k.etl", "-o", "-", "-json", *options, code=None)
        self.assertIn(out.returncode, (0, 3), out.stderr)
        return [json.loads(line) for line in out.stdout.splitlines()]

    def named(self, records, name):
        return [r for r in records if r.get("event", "").endswith(name)]


class Stacks(StackTest):
    def test_switches_have_the_stack_of_the_thread_that_waited(self):
        pid = self.record("-eflag", "PROC_THREAD+CSWITCH", "-stackwalk", "cswitch")
        records = self.lines()
        back = [r for r in self.named(records, "CSwitch") if r["fields"]["NewThreadId"] == pid]
        stacks = [r["symbols"] for r in back if "symbols" in r]
        self.assertGreater(sum(map(has_chain, stacks)), 50)
        # Each as long as its addresses; the kernel's part comes first.
        for r in back:
            if "symbols" in r:
                self.assertEqual(len(r["stack"]), len(r["symbols"]))
        chains = [s for s in stacks if has_chain(s)]
        self.assertTrue(all(s[0].startswith("kernel!") for s in chains), chains[0])
        # Their records name whose they are, and the events they belong to.
        walks = [r["fields"] for r in self.named(records, "Stack")]
        mine = [w for w in walks if w["StackThread"] == pid]
        self.assertGreater(len(mine), 50)
        self.assertEqual({w["StackProcess"] for w in mine}, {pid})

    def test_samples_and_their_code_have_names(self):
        self.tracelog("-start", "-f", "k.etl", "-eflag", "PROC_THREAD+PROFILE+LOADER",
                      "-SetProfInt", "5000", "Timer", "-stackwalk", "Profile")
        busy = subprocess.run(["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"])
        self.assertEqual(busy.returncode, 0)
        self.run_tool("tracelog", "-stop", code=None)
        records = self.lines()
        begins = self.named(records, "CollectionStart")
        self.assertEqual([(r["fields"]["NewInterval"], r["fields"]["SourceName"])
                          for r in begins], [(5000, "Timer")])
        samples = self.named(records, "SampleProf")
        self.assertTrue(any("symbols" in r for r in samples))
        self.assertTrue(any("!" in r.get("symbol", "") for r in samples))

    def test_samples_of_a_thread_that_has_ended_have_its_number(self):
        self.tracelog("-start", "-f", "k.etl", "-b", "256", "-max", "400", "-eflag",
                      "PROC_THREAD+PROFILE", "-SetProfInt", "1000", "Timer")
        subprocess.run([sys.executable, "-c", """
import threading
for _ in range(3000):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
"""], check=True)
        self.run_tool("tracelog", "-stop", code=None)
        sampled = [r["fields"]["ThreadId"] for r in self.named(self.lines(), "SampleProf")]
        self.assertTrue(sampled)
        # But for those before anything has ended on that processor.
        self.assertLess(sampled.count(0xFFFFFFFF), 3)

    def test_a_process_that_begins_has_the_stack_of_its_maker(self):
        self.tracelog("-start", "-f", "k.etl", "-eflag", "PROC_THREAD",
                      "-stackwalk", "ProcessCreate+ThreadCreate+ProcessDelete")
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        self.run_tool("tracelog", "-stop", code=None)
        records = self.lines()
        for event in ("Process/Start", "Process/End"):
            mine = [r for r in records if r.get("event") == event
                    and r["fields"]["ProcessId"] == child.pid]
            self.assertEqual(len(mine), 1, event)
            self.assertIn("stack", mine[0], event)
        # Told once each, by name, as without stacks.
        starts = [r for r in self.named(records, "Process/DCStart")
                  if r["fields"]["ProcessId"] == child.pid]
        self.assertLessEqual(len(starts), 1)

    def test_what_is_sent_has_the_stack_of_who_sends_it_from_an_update_on(self):
        self.need_lengths()
        self.tracelog("-start", "T", "-f", "k.etl", "-eflag", "PROC_THREAD+NETWORKTRACE")
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        sizes = list(range(1, 7))
        for size in sizes:
            if size == 3:
                self.tracelog("-update", "T", "-stackwalk", "TcpSend")
            if size == 5:
                self.tracelog("-update", "T", "-stackwalk", "ThreadCreate")
            client.send(b"x" * size)
            peer.recv(100)
        for end in (client, peer, listener):
            end.close()
        self.run_tool("tracelog", "-stop", "T", code=None)
        records = [r for r in self.lines() if r["fields"].get("PID") == os.getpid()]
        sent = {r["fields"]["size"]: r for r in records if r["event"].endswith("TcpIp/Send")}
        got = [r["fields"]["size"] for r in records if r["event"].endswith("TcpIp/Recv")]
        self.assertEqual((list(sent), got), (sizes, sizes))
        self.assertEqual([size for size in sizes if "stack" in sent[size]], [3, 4])

    def test_files_have_the_stack_of_who_reads_them_and_images_of_who_maps_them(self):
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            self.skipTest("this kernel has no type information (BTF)")
        pid = self.record("-eflag", "PROC_THREAD+FILE_IO+FILE_IO_INIT", "-stackwalk",
                          "FileRead+FileCreate+ImageLoad", program=BIN / "etw-test-chain")
        records = self.lines()
        mine = [r for r in records if r["fields"].get("TTID") == pid]
        for name in ("FileIo/Read", "FileIo/Create"):
            events = self.named(mine, name)
            self.assertTrue(events, name)
            self.assertTrue(all("stack" in r for r in events), name)
            # They begin in the kernel, not in what tells them of it.
            self.assertEqual([s for r in events for s in r["symbols"] if "bpf_prog_" in s], [])
        # What is not asked for has none.
        self.assertFalse(any("stack" in r for r in self.named(mine, "FileIo/Close")))
        # The loader maps libraries; the program itself and the loader are mapped by the kernel.
        loads = [r for r in self.named(records, "Image/Load") if r["fields"]["ProcessId"] == pid]
        stacks = {r["fields"]["FileName"].rpartition("/")[2]: r.get("symbols") for r in loads}
        library = next(n for n in stacks if n.startswith("libc.so"))
        self.assertTrue(any("ld-linux" in s for s in stacks[library]), stacks)
        self.assertIsNone(stacks["etw-test-chain"])
        self.check_etl(self.folder / "k.etl")

    def test_names_come_from_a_separate_debug_file(self):
        if not shutil.which("objcopy"):
            self.skipTest("needs objcopy")
        program = self.folder / "chain"
        debug = self.folder / "debug"
        debug.mkdir()
        shutil.copy(BIN / "etw-test-chain", program)
        subprocess.run(["objcopy", "--only-keep-debug", program, debug / "chain.debug"], check=True)
        subprocess.run(["objcopy", "--strip-all", "--add-gnu-debuglink=" +
                        str(debug / "chain.debug"), program], check=True)
        pid = self.record("-eflag", "PROC_THREAD+CSWITCH", "-stackwalk", "CSwitch",
                          program=program)
        for options, whole in (([], False), (["-symbols", str(debug)], True)):
            stacks = [r["symbols"] for r in self.named(self.lines(*options), "CSwitch")
                      if r["fields"]["NewThreadId"] == pid and "symbols" in r]
            self.assertEqual(any(map(has_chain, stacks)), whole, options)
            # By module and offset in any case.
            self.assertTrue(any(s.startswith("chain") for stack in stacks for s in stack))
        plain = self.lines("-nosymbols")
        self.assertTrue(any("stack" in r for r in plain))
        self.assertFalse(any("symbols" in r for r in plain))

    def test_a_session_s_events_have_names_as_they_come(self):
        options = ["-rt", "-displayonly", "-nosummary", "-json"]
        for more in ([], ["-nosymbols"]):
            self.tracelog("-start", "-rt", "-b", "256", "-max", "400", "-eflag",
                          "PROC_THREAD+CSWITCH+PROFILE", "-stackwalk", "CSwitch+Profile")
            live = subprocess.Popen([BIN / "tracefmt", *options, *more], env=self.env, text=True,
                                    cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_for(lambda: self.status("NT Kernel Logger")["real_time_consumers"] == 1, "tracefmt")
            chain = subprocess.Popen([str(BIN / "etw-test-chain"), "100"])
            self.assertEqual(chain.wait(), 0)
            self.run_tool("tracelog", "-stop", code=None)
            out, errors = live.communicate(timeout=DEADLINE)
            self.assertIn(live.returncode, (0, 3), errors)
            records = [json.loads(line) for line in out.splitlines()]
            stacks = [r["symbols"] for r in self.named(records, "Stack")
                      if r["fields"]["StackThread"] == chain.pid and "symbols" in r]
            samples = [r for r in self.named(records, "SampleProf") if "symbol" in r]
            self.assertEqual((any(map(has_chain, stacks)), bool(samples)), (not more, not more))

    def test_text_has_the_names_and_is_the_same_with_any_number_of_threads(self):
        self.record("-eflag", "PROC_THREAD+CSWITCH", "-stackwalk", "CSwitch")
        outputs = set()
        for cpus in ("0", "0,1"):
            out = subprocess.run(["taskset", "-c", cpus, str(BIN / "tracefmt"), "k.etl", "-o", "-"],
                                 capture_output=True, text=True, cwd=self.folder, env=self.env)
            self.assertIn(out.returncode, (0, 3), out.stderr)
            outputs.add(out.stdout)
        self.assertEqual(len(outputs), 1)
        found = re.search(r'stack=\[kernel![^\]]* "?etw-test-chain!chain::leaf', outputs.pop())
        self.assertTrue(found, "no stack of the chain by name")


class Options(StackTest):
    def test_lists(self):
        out = self.tracelog("-stackwalk", "Help").stdout
        self.assertIn("  CSwitch              0x0524\n", out)
        self.assertIn("  ImageUnload          0x1402  not on Linux\n", out)
        out = self.tracelog("-ProfileSource", "help").stdout
        self.assertRegex(out, r"\n  Timer +0 +1000 +10000000\n")
        self.assertRegex(out, r"\n  ContextSwitches ")

    def test_mistakes_and_what_is_not_there(self):
        for options, code, text in (
                (["-stackwalk", "Nonsense"], 2, "'Nonsense' is no kernel event"),
                (["-stackwalk", "PoolAlloc"], 2, "PoolAlloc: Linux has no events"),
                (["-stackwalk", "CSwitch+RegOpenKey"], 1, "RegOpenKey"),
                (["-Pmc", "PageFaults:FileRead"], 1, "FileRead: Linux has no place where such an "
                                                     "event's counters"),
                (["-Pmc", "CSwitch"], 2, "-Pmc needs counters and events"),
                (["-Pmc", "Nothing:CSwitch"], 2, "'Nothing' is no source"),
                (["-SetProfInt", "10000"], 2, "-SetProfInt needs two values"),
                (["-SetProfInt", "1", "Timer"], 1, "0.1 ms to 1 s"),
                (["-ProfileSource", "Nothing"], 2, "'Nothing' is no source")):
            done = self.tracelog("-start", "-eflag", "PROFILE", *options, code=code)
            self.assertIn(text, done.stderr, options)
        done = self.tracelog("-start", "S", "-f", "s.etl", "-stackwalk", "CSwitch", code=1)
        self.assertIn("87L", done.stdout)

    def test_a_source_that_the_machine_lacks_is_refused_by_name(self):
        there = self.tracelog("-ProfileSource", "Help").stdout
        if "CacheMisses" in there:
            self.skipTest("this processor counts cache misses")
        for options in (["-ProfileSource", "CacheMisses"], ["-Pmc", "CacheMisses:CSwitch"]):
            done = self.tracelog("-start", "-eflag", "PROFILE+CSWITCH", *options, code=1)
            self.assertIn("50L", done.stdout)
            self.assertIn("CacheMisses: this machine does not count it", done.stderr)

    def test_counters_stand_with_their_events(self):
        self.record("-eflag", "PROC_THREAD+CSWITCH", "-Pmc", "Timer,PageFaults:CSwitch", rounds=50)
        records = self.lines()
        names = [r["fields"] for r in self.named(records, "PmcConfig")]
        self.assertEqual(names[0]["CounterName"], ["Timer", "PageFaults"])
        by_cpu = {}
        for r in self.named(records, "CSwitch"):
            self.assertEqual(len(r["pmc"]), 2)
            by_cpu.setdefault(r["cpu"], []).append(r["pmc"][0])
        # Time passes on each processor.
        for counts in by_cpu.values():
            self.assertEqual(counts, sorted(set(counts)))

    def test_samples_by_another_source(self):
        self.record("-eflag", "PROC_THREAD+PMC_PROFILE", "-ProfileSource", "ContextSwitches",
                    "-SetProfInt", "1", "ContextSwitches", rounds=50)
        records = self.lines()
        self.assertEqual(self.named(records, "SampleProf"), [])
        self.assertGreater(len(self.named(records, "PmcSample")), 20)

    def test_query_shows_what_is_asked_and_update_changes_it(self):
        self.tracelog("-start", "-f", "k.etl", "-eflag", "PROC_THREAD+CSWITCH+PROFILE",
                      "-stackwalk", "CSwitch+Profile", "-SetProfInt", "50000", "Timer")
        out = self.tracelog("-q").stdout
        for label, value in (("Stacks:", "CSwitch+Profile"), ("Profile Interval:", "50000 Timer")):
            self.assertIn(f"{label:<24}{value}\n", out)
        out = self.tracelog("-update", "-stackwalk", "Profile").stdout
        self.assertIn(f"{'Stacks:':<24}Profile\n", out)
        self.assertNotIn("Profile Interval:", out)
        self.run_tool("tracelog", "-stop", code=None)
        self.check_etl(self.folder / "k.etl")
