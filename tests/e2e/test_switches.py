"""Context switches, which a program of ours in the kernel records where it can: each of them, as the
kernel's own tracepoint and its counts tell them."""
import collections
import contextlib
import os
import pathlib
import signal
import subprocess

from harness import BIN, DEADLINE, deny, hang, wait_for
from kernel import KernelTest, TRACEFS


def play(rounds):
    """On each processor two threads by turns."""
    subprocess.run([str(BIN / "etw-test-ping-pong"), str(rounds)], input="\n", text=True, check=True,
                   capture_output=True, timeout=DEADLINE)


def switches_so_far():
    """Of the whole machine, as the kernel counts them."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith("ctxt "):
            return int(line.split()[1])
    raise AssertionError("/proc/stat tells no context switches")


class SwitchTest(KernelTest):
    def tells_tracefs(self):
        """Whether the session's tracefs instance records switches."""
        name, = self.own_instances()
        return (TRACEFS / "instances" / name / "events/sched/sched_switch/enable").read_text() == "1\n"

    def need_program(self):
        """Skips where the kernel cannot run our program."""
        for path in ("/sys/kernel/btf/vmlinux", "/sys/bus/event_source/devices/msr/events/tsc"):
            if not os.path.exists(path):
                self.skipTest("this kernel has no " + path)

    def count(self, work, **kwargs):
        """Records all switches while work() is done, and checks that as many are told, in records
        or as lost, as the kernel counts meanwhile. Returns how many were lost."""
        first = switches_so_far()
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "CSWITCH", **kwargs)
        least = switches_so_far()
        work()
        least = switches_so_far() - least
        done = self.tracelog("-stop", "T", "-json", code=None)
        most = switches_so_far() - first
        self.assertIn(done.returncode, (0, 3))
        summary = self.summary("a.etl")
        lost = summary["events_lost"]
        told = sum(t["count"] for t in summary["types"] if t["type"] == "CSwitch")
        # The kernel has some in a thousand pass no tracepoint: the next thread to leave a processor
        # is not the one that came last, whoever reads.
        self.assertGreaterEqual(told + lost, least * 0.99)
        self.assertLessEqual(told + lost, most)
        return lost

    def check_order(self):
        status = self.check_etl(self.folder / "a.etl")
        self.assertEqual(status["out_of_order_in_buffer"]["records"], 0)


class Program(SwitchTest):
    def setUp(self):
        super().setUp()
        self.need_program()

    def test_every_switch_is_told(self):
        def work():
            self.assertFalse(self.tells_tracefs())
            play(10000)
        self.count(work)
        self.check_order()

    def test_what_finds_no_room_is_counted(self):
        def work():
            worker = self.worker()
            hang(worker)
            try:
                play(150000)  # more than a processor's ring has records
            finally:
                os.kill(worker, signal.SIGCONT)
        self.assertGreater(self.count(work), 0)

    def test_a_killed_worker_costs_no_switch(self):
        """The program records on while the worker is replaced, and what was recorded is told once.
        """
        def work():
            killed = []
            for _ in range(4):
                play(3000)
                killed.append(self.kill_worker(but=killed))
                play(3000)  # while there is none, or the next one comes up
            self.worker(but=killed)
        self.count(work)
        self.check_order()
        self.check_none_twice("a.etl")

    def test_what_overflows_while_a_worker_is_replaced_is_counted(self):
        def work():
            worker = self.worker()
            hang(worker)
            play(150000)  # more than a processor's ring has records
            self.kill_worker()
            play(1000)
            self.worker(but=[worker])
        self.assertGreater(self.count(work), 0)
        self.check_order()

    def test_what_nobody_recorded_while_there_was_no_host_is_counted(self):
        """Killed with its keeper: the machine's own count tells how many there were."""
        def work():
            play(3000)
            self.tracelog("-flush", "T")
            self.kill_hosts()
            play(10000)
            self.tracelog("-flush", "T")
            play(3000)
        self.assertGreater(self.count(work), 20000)
        self.check_order()

    def links(self):
        """Programs that the host's processes hold in the kernel, by process and descriptor."""
        found = []
        for pid in self.host_pids():
            with contextlib.suppress(OSError):
                for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if "bpf_link" in os.readlink(fd):
                            found.append((pid, fd.name))
        return found

    def test_the_keeper_holds_the_program_as_long_as_the_session_records_switches(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "CSWITCH")
        keeper, = set(self.host_pids()) - {self.worker()}
        def is_held():
            return any(pid == keeper for pid, _ in self.links())
        wait_for(is_held, "the keeper to hold the program")
        self.tracelog("-update", "T", "-eflag", "DISPATCHER")
        wait_for(lambda: not self.links(), "the program to be gone")
        self.tracelog("-update", "T", "-eflag", "CSWITCH")
        wait_for(is_held, "the keeper to hold the program again")
        self.kill_worker()
        self.tracelog("-stop", "T", code=None)
        wait_for(lambda: not self.links(), "the program to be gone")

    def check_none_twice(self, name):
        seen = collections.Counter(
            (r["cpu"], r["time"], r["fields"]["OldThreadId"], r["fields"]["NewThreadId"])
            for r in self.all_events(name) if r.get("event", "").split("/")[-1] == "CSwitch")
        self.assertGreater(len(seen), 20000)
        self.assertEqual([switch for switch, count in seen.items() if count > 1], [])

    def test_the_tracepoint_of_a_provider_tells_the_same(self):
        """Who left and who came, in the same order; the state it was left in. The kernel keeps
        some switches from its idle thread out of tracefs, whoever reads that."""
        points = sorted(p.name for p in (TRACEFS / "events/sched").iterdir() if p.is_dir())
        bit = 1 << points.index("sched_switch")
        self.tracelog("-start", "T", "-f", "a.etl", "-b", "256", "-max", "400", "-eflag",
                      "CSWITCH+PROC_THREAD", "-guid", "*Linux.sched", "-level", "5", "-matchanykw",
                      hex(bit))
        self.assertTrue(self.tells_tracefs())
        play(3000)
        for _ in range(20):
            subprocess.run(["/bin/true"], check=True)
        self.stop("T")
        ours, theirs = collections.defaultdict(list), collections.defaultdict(list)
        for record in self.all_events("a.etl"):
            fields, event = record.get("fields", {}), record.get("event", "").split("/")[-1]
            if event == "CSwitch":
                ours[record["cpu"]].append((
                    fields["OldThreadId"], fields["NewThreadId"],
                    (fields["OldThreadState"], fields["OldThreadWaitReason"])))
            elif event == "sched_switch":
                theirs[record["cpu"]].append((fields["prev_pid"], fields["next_pid"],
                                              self.state_of(fields["prev_state"])))
        self.assertGreater(sum(map(len, theirs.values())), 6000)
        for cpu, some in theirs.items():
            all_of = ours[cpu]
            # The two do not begin and end at the same switch.
            self.assertTrue(any(self.is_rest(some, all_of[i:])
                                for i in range(len(all_of) - len(some) + 1)), f"processor {cpu}")

    @staticmethod
    def is_rest(some, all_of):
        """Whether the beginning of all_of is `some` and otherwise switches from the idle thread."""
        rest = iter(some)
        wanted = next(rest)
        for switch in all_of:
            if switch == wanted:
                wanted = next(rest, None)
                if wanted is None:
                    return True
            elif switch[0] != 0:
                return False
        return False

    @staticmethod
    def state_of(reported):
        """State and wait reason of a CSwitch."""
        ready, terminated, waiting = 1, 4, 5
        executive, suspended, user_request, preempted, yielded = 0, 5, 6, 32, 33
        if reported == 0:
            return ready, yielded
        if reported == 0x100:
            return ready, preempted
        if reported & 0x30:
            return terminated, executive
        if reported & 0x0C:
            return waiting, suspended
        return waiting, user_request if reported & 1 else executive

    def test_two_sessions_have_a_program_each(self):
        self.tracelog("-start", "A", "-f", "a.etl", "-eflag", "CSWITCH")
        self.tracelog("-start", "B", "-f", "b.etl", "-eflag", "CSWITCH+PROCESS")
        play(1000)
        self.stop("A")
        play(1000)
        self.stop("B")
        counts = {}
        for name in ("a.etl", "b.etl"):
            counts[name] = len(self.events("Thread/CSwitch", name))
        self.assertGreater(counts["a.etl"], 2000)
        self.assertGreater(counts["b.etl"], 4000)

    def test_stacks_come_and_go_while_it_runs(self):
        """With stacks perf tells the switches, and the program has to go; without them it is back."""
        self.tracelog("-start", "-f", "a.etl", "-eflag", "PROC_THREAD+CSWITCH")
        self.assertFalse(self.tells_tracefs())
        play(500)
        self.tracelog("-update", "-stackwalk", "CSwitch")
        self.assertFalse(self.tells_tracefs())
        play(500)
        self.tracelog("-update", "-eflag", "PROC_THREAD")
        play(500)
        self.tracelog("-update", "-eflag", "PROC_THREAD+CSWITCH")
        play(500)
        self.stop()
        self.assertGreater(len(self.events("Thread/CSwitch", "a.etl")), 3000)
        self.assertTrue(self.events("StackWalk/Stack", "a.etl"))
        self.check_order()

    def test_stacks_that_come_and_go_leave_out_no_switch(self):
        """Another session's program tells what there is. But for what perf never tells: a
        processor's first switch away from its idle thread."""
        room = ("-b", "1024", "-max", "400")
        load = subprocess.Popen([str(BIN / "etw-test-ping-pong"), "1000"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        def play_on():
            load.stdin.write("\n")
            load.stdin.flush()
        def wait_until_played():
            self.assertTrue(load.stdout.readline())
        try:
            wait_until_played()  # "ready"
            self.tracelog("-start", "B", "-f", "b.etl", *room, "-eflag", "CSWITCH")
            self.tracelog("-start", "A", "-f", "a.etl", *room, "-eflag", "CSWITCH")
            for _ in range(3):
                for stacks in (("-stackwalk", "CSwitch"), ()):
                    play_on()
                    self.tracelog("-update", "A", "-eflag", "CSWITCH", *stacks)
                    wait_until_played()
            self.stop("A")
            self.stop("B")
        finally:
            load.stdin.close()
            load.wait()
            load.stdout.close()
        ours, all_of = self.switches_by_cpu("a.etl"), self.switches_by_cpu("b.etl")
        for cpu, some in ours.items():
            self.assertGreater(len(some), 5000)
            self.assertTrue(any(all_of[cpu][i:i + len(some)] == some
                                for i in range(len(all_of[cpu]) - len(some) + 1)
                                if all_of[cpu][i:i + 100] == some[:100]), f"processor {cpu}")

    def switches_by_cpu(self, name):
        found = collections.defaultdict(list)
        for record in self.records(name):
            fields = record.get("fields", {})
            if record.get("event", "").split("/")[-1] == "CSwitch" and fields["OldThreadId"] != 0:
                found[record["cpu"]].append((fields["OldThreadId"], fields["NewThreadId"]))
        return found


class WithoutProgram(SwitchTest):
    def test_tracefs_tells_every_switch(self):
        def work():
            self.assertTrue(self.tells_tracefs())
            play(10000)
        self.count(work, preexec_fn=deny("bpf"))
        self.check_order()
