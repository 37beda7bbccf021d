"""What happens where events are written, and in the host's choice of who may write them: filters,
enable properties, secure sessions, capture state, the rules of enabling, owners and times to live."""
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from harness import APART, BIN, DEADLINE, NOBODY, PATIENCE_MS, SANITIZED, EndToEnd, WRITER_GUID, \
    hang, is_root, wait_for

DESCRIBED = "5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e02"
MANIFEST = "5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e03"
ABSENT = "5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7eff"
BOTH = ("-guid", DESCRIBED, "-guid", MANIFEST)


class Source:
    """A running etw-test-source."""

    def __init__(self, env, program=BIN / "etw-test-source", user=None):
        self.process = subprocess.Popen([str(program)], env=env, text=True, user=user,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **APART)
        self.callbacks = []
        self.last = None
        self.read_until("ready")
        self.pid = self.process.pid

    def read_until(self, word):
        for line in self.process.stdout:
            if line.strip() == word:
                return
            kind, _, rest = line.strip().partition(" ")
            if kind == "callback":
                self.callbacks.append(rest)
            else:
                self.last = rest
        raise AssertionError("the traced program has ended")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.read_until("done")

    def wait_for_callback(self, count=1):
        """Callbacks come on a thread of their own: asks for something until it has come."""
        wait_for(lambda: self.tell("write 0 0") or len(self.callbacks) >= count, "a callback")
        return self.callbacks[count - 1]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class SourceTest(EndToEnd):
    def setUp(self):
        super().setUp()
        self.start_host()

    def tracelog(self, *args, **kwargs):
        """A start is over when the programs that run know of it, if the test does not say else."""
        if args[0] == "-start" and "-timeout" not in args:
            args = (*args, "-timeout", PATIENCE_MS)
        return super().tracelog(*args, **kwargs)

    def source(self, program=BIN / "etw-test-source", user=None):
        source = Source(self.env, program, user)
        self.writers.append(source)
        return source

    def copy_of_source(self, name):
        path = self.folder / name
        shutil.copy(BIN / "etw-test-source", path)
        os.chmod(path, 0o755)
        return path

    def stop(self, name="S", code=0):
        return json.loads(self.tracelog("-stop", name, "-json", code=code).stdout)

    def events(self, log="s.etl"):
        """The recorded events but the header."""
        return [r for r in self.records(log) if r["provider_guid"] in (DESCRIBED, MANIFEST)]

    def counted(self, log="s.etl"):
        """{(pid, id or name): events}"""
        return collections.Counter((r["pid"], r.get("event", r.get("id"))) for r in self.events(log))

    def instances(self, guid=MANIFEST):
        for provider in json.loads(self.tracelog("-enumguidex", "-json").stdout):
            if provider["guid"] == guid:
                return provider
        return None


class Filters(SourceTest):
    def test_pid_filter_is_for_processes_that_run_at_the_call(self):
        one, other = self.source(), self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-PidFilter", "1", one.pid)
        later = self.source()
        for source in (one, other, later):
            source.tell("write 7 3")
            source.tell("describe 2")
        self.stop()
        self.assertEqual(self.counted(), {(one.pid, 7): 3, (one.pid, "Described"): 2})
        self.check_etl(self.folder / "s.etl")

    def test_pid_filter_is_not_remembered_for_later_registrations(self):
        one = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", MANIFEST, "-PidFilter", "1", one.pid,
                      "-timeout", "0")
        one.wait_for_callback()
        one.tell("again")
        for _ in range(20):
            one.tell("write 1 1")
        self.assertEqual(len(one.callbacks), 1)  # the second registration has none
        self.stop()

    def test_pid_filter_outlives_the_host(self):
        one, other = self.source(), self.source()
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", MANIFEST, "-PidFilter", "1", one.pid)
        self.kill_hosts()
        wait_for(lambda: self.status("S")["providers"], "the next host")
        wait_for(lambda: self.instances() and len(self.instances()["pids"]) == 2, "both to return")
        for source in (one, other):
            source.tell("write 7 3")
        self.stop()
        self.assertEqual(self.counted(), {(one.pid, 7): 3})

    def test_exe_filter_leaves_out_what_it_does_not_list(self):
        program = self.copy_of_source("my program")
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-ExeFilter", "other;my program")
        listed, unlisted = self.source(program), self.source()  # it is for later processes too
        for source in (listed, unlisted):
            source.tell("write 7 3")
        self.kill_hosts()
        wait_for(lambda: self.status("S")["providers"], "the next host")
        wait_for(lambda: self.instances() and len(self.instances()["pids"]) == 2, "both to return")
        for source in (listed, unlisted):
            source.tell("describe 2")
        self.stop()
        self.assertEqual(self.counted(), {(listed.pid, 7): 3, (listed.pid, "Described"): 2})

    def test_exe_filter_does_not_believe_the_process(self):
        """argv[0] and the thread's name are its own to choose."""
        liar = subprocess.Popen(["listed"], executable=str(BIN / "etw-test-source"), env=self.env,
                                text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-ExeFilter", "listed")
        liar.communicate("write 7 3\n", timeout=DEADLINE)
        self.stop()
        self.assertEqual(self.events(), [])

    def test_event_id_filter_in_and_out(self):
        source = self.source()
        for where, expected in (("-in", {1, 3}), ("-out", {0, 2, 65535})):
            log = f"{where[1:]}.etl"
            self.tracelog("-start", "S", "-f", log, *BOTH, "-EventIdFilter", where, "2", "1", "3")
            for event in (0, 1, 2, 3, 65535):
                source.tell(f"write {event} 5")
            source.tell("describe 4")  # no filter of ids holds for these
            self.stop()
            self.assertEqual(self.counted(log), {
                **{(source.pid, event): 5 for event in expected}, (source.pid, "Described"): 4})

    def test_an_enable_replaces_all_filters(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-EventIdFilter", "-in", "1", "1",
                      "-ExeFilter", "nobody")
        source.tell("write 1 1")
        self.tracelog("-enable", "S", *BOTH, "-EventIdFilter", "-in", "1", "2", "-timeout", PATIENCE_MS)
        for event in (1, 2, 3):
            source.tell(f"write {event} 1")
        self.assertEqual(self.status("S")["providers"][0].get("exe_names", []), [])
        self.tracelog("-enable", "S", *BOTH, "-PidFilter", "1", os.getpid(), "-timeout", PATIENCE_MS)
        source.tell("write 1 1")
        self.tracelog("-enable", "S", *BOTH, "-timeout", PATIENCE_MS)
        source.tell("write 4 1")
        self.stop()
        self.assertEqual(self.counted(), {(source.pid, 2): 1, (source.pid, 4): 1})

    def test_a_filter_holds_for_its_session_alone(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-EventIdFilter", "-out", "1", "1")
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH)
        for event in (1, 2):
            source.tell(f"write {event} 10")
        self.stop("S")
        self.stop("T")
        self.assertEqual(self.counted("s.etl"), {(source.pid, 2): 10})
        self.assertEqual(self.counted("t.etl"), {(source.pid, 1): 10, (source.pid, 2): 10})

    def test_limits(self):
        self.tracelog("-start", "S", "-f", "s.etl")
        pids = [str(pid) for pid in range(1, 10)]
        ids = [str(number) for number in range(65)]
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-PidFilter", "8", *pids[:8])
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-EventIdFilter", "-in", "64", *ids[:64])
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-ExeFilter", "a" * 1024)
        for option in (["-PidFilter", "9", *pids], ["-EventIdFilter", "-in", "65", *ids],
                       ["-StackWalkFilter", "-in", "65", *ids], ["-ExeFilter", "a" * 1025]):
            done = self.tracelog("-enable", "S", "-guid", MANIFEST, *option, code=None)
            self.assertIn(done.returncode, (1, 2), option)
            self.assertNotEqual(done.stderr, "")


@unittest.skipIf(SANITIZED, "times mean nothing")
class FilteredOut(SourceTest):
    def test_costs_no_more_than_a_disabled_event_and_5_ns(self):
        source = self.source()

        def nanoseconds():
            times = []
            for _ in range(200):  # short, to fit between two turns of other processes
                source.tell("time 1 50000")
                times.append(float(source.last))
            return min(times)
        disabled = nanoseconds()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-EventIdFilter", "-in", "2", "3", "65")
        filtered = nanoseconds()
        self.stop()
        self.assertEqual(self.events(), [])
        self.assertLessEqual(filtered, disabled + 5, f"disabled {disabled:.1f} ns")


class Properties(SourceTest):
    def symbol(self, pid, address):
        """The function that an address of the running test program lies in."""
        base = min(int(line.split("-")[0], 16)
                   for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
                   if line.endswith("etw-test-source"))
        if not hasattr(self, "symbols"):
            out = subprocess.run(["nm", "-S", "--defined-only", str(BIN / "etw-test-source")],
                                 capture_output=True, text=True).stdout
            rows = [line.split() for line in out.splitlines()]
            self.symbols = [(int(r[0], 16), int(r[1], 16), r[3]) for r in rows if len(r) == 4]
        for start, size, name in self.symbols:
            if start < address - base <= start + size:
                return name
        return None

    def frames(self, pid, record):
        return [self.symbol(pid, int(address, 16)) for address in record["stack"]]

    def test_stacks_of_both_kinds_of_events_and_of_signal_handlers(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x4")
        for command in ("write 7 1", "describe 1", "signal", "alternate"):
            source.tell(command)
        self.stop()
        written, described, in_signal, on_other = self.events()
        for record, function in ((written, "source_write"), (described, "source_describe"),
                                 (in_signal, "source_describe"), (on_other, "source_describe")):
            frames = self.frames(source.pid, record)
            # Where they are not inlined, the functions of evntprov.h are the application's too.
            while frames[0] in ("EventWrite", "EventWriteTransfer"):
                del frames[0]
            self.assertEqual(frames[0], function, record["stack"])
            self.assertIn("main", frames)
            self.assertLessEqual(len(frames), 192)
        self.assertEqual(described["fields"], {"number": 0})
        self.check_etl(self.folder / "s.etl")

    def test_only_the_session_that_asks_has_stacks(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x4")
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH)
        source.tell("describe 2")
        self.stop("S")
        self.stop("T")
        self.assertEqual([("stack" in r) for r in self.events("s.etl")], [True, True])
        self.assertEqual([("stack" in r) for r in self.events("t.etl")], [False, False])

    def test_stack_walk_filter(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "4",
                      "-StackWalkFilter", "-in", "2", "1", "3")
        for event in (1, 2, 3):
            source.tell(f"write {event} 1")
        source.tell("describe 1")
        self.stop()
        self.assertEqual([(r.get("event", r.get("id")), "stack" in r) for r in self.events()],
                         [(1, True), (2, False), (3, True), ("Described", True)])

    def test_user_login_session_and_keys(self):
        one, two = self.source(), self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x183")
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH, "-enableproperty", "0x100")
        for source in (one, two):
            source.tell("describe 2")
            source.tell("write 1 1")
        self.stop("S")
        self.stop("T")
        events = self.events()
        self.assertEqual(len(events), 6)
        self.assertEqual({r["user"] for r in events}, {f"S-1-22-1-{os.geteuid()}"})
        self.assertEqual(len({r["event_key"] for r in events}), 6)
        self.assertEqual({r["process_key"] for r in events if r["pid"] == one.pid} &
                         {r["process_key"] for r in events if r["pid"] == two.pid}, set())
        self.assertEqual(len({r["process_key"] for r in events}), 2)
        audit = pathlib.Path("/proc/self/sessionid")
        login = int(audit.read_text()) if audit.exists() else 0xFFFFFFFF
        for source in (one, two):
            expected = os.getsid(source.pid) if login == 0xFFFFFFFF else login
            self.assertEqual({r["login_session"] for r in events if r["pid"] == source.pid},
                             {expected})
        # The same event has the same key in every session.
        self.assertEqual(sorted(r["event_key"] for r in events),
                         sorted(r["event_key"] for r in self.events("t.etl")))
        self.check_etl(self.folder / "s.etl")

    def test_events_without_a_keyword_can_be_left_out(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x10")
        source.tell("plain 3")
        source.tell("write 2 3")
        self.stop()
        self.assertEqual(self.counted(), {(source.pid, 2): 3})

    def test_events_that_the_program_calls_private_can_be_left_out(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x200")
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH)
        source.tell("private 5 3")
        source.tell("write 2 3")
        self.stop("S")
        self.stop("T")
        self.assertEqual(self.counted("s.etl"), {(source.pid, 2): 3})
        self.assertEqual(self.counted("t.etl"), {(source.pid, 2): 3, (source.pid, 5): 3})

    def test_events_put_together_at_run_time_describe_themselves(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x4")
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH, "-EventIdFilter", "-in", "1", "9")
        source.tell("dynamic 3")
        self.stop("S")
        self.stop("T")
        for log in ("s.etl", "t.etl"):
            self.assertEqual([(r["provider"], r["event"], r["fields"]) for r in self.events(log)],
                             [("Openetw.Test.Dynamic", "Made", {"number": i}) for i in range(3)])
            self.check_etl(self.folder / log)
        self.assertIn("stack", self.events("s.etl")[0])

    def test_unknown_properties_have_no_effect_and_that_is_said(self):
        source = self.source()
        done = self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x420")
        self.assertIn("-enableproperty", done.stderr)
        source.tell("write 2 3")
        self.stop()
        self.assertEqual(self.counted(), {(source.pid, 2): 3})

    def test_events_by_socket_have_them_too(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-enableproperty", "0x5",
                      "-lowcapacity")
        source.tell("describe 1")
        self.stop()
        (record,) = self.events()
        self.assertEqual(self.frames(source.pid, record)[0], "source_describe")
        self.assertEqual(record["user"], f"S-1-22-1-{os.geteuid()}")


class EnableRules(SourceTest):
    def test_source_guid_and_keywords_reach_the_callback(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl")
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-level", "3", "-matchanykw", "0xF0",
                      "-matchallkw", "0x10", "-sourceguid", ABSENT)
        self.assertEqual(source.wait_for_callback(), "5f1c0b0e 1 3 0xf0 0x10")

    def test_capture_state_reaches_only_who_is_enabled(self):
        one, other = self.source(), self.source()
        self.tracelog("-start", "S", "-f", "s.etl")
        done = self.tracelog("-capturestate", "S", "-guid", MANIFEST, code=1)
        self.assertIn("4200", done.stdout + done.stderr)
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-PidFilter", "1", one.pid)
        one.wait_for_callback()
        self.tracelog("-capturestate", "S", "-guid", MANIFEST, "-matchanykw", "0x30", "-level",
                      "2", "-timeout", PATIENCE_MS)
        self.assertEqual(one.wait_for_callback(2), "00000000 2 2 0x30 0x0")
        other.tell("write 0 0")
        self.assertEqual(other.callbacks, [])

    def test_timeout_is_for_providers_that_do_not_answer(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", MANIFEST)
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-level", "2", "-timeout", PATIENCE_MS)
        hang(source.pid)
        done = self.tracelog("-enable", "S", "-guid", MANIFEST, "-level", "3", "-timeout", "50",
                             code=1)
        self.assertIn("1460", done.stdout)
        self.tracelog("-enable", "S", "-guid", MANIFEST, "-level", "3")  # does not wait
        os.kill(source.pid, signal.SIGCONT)
        self.assertEqual(self.status("S")["providers"][0]["level"], 3)

    def test_settings_of_an_unregistered_provider_can_be_changed(self):
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", ABSENT, "-level", "4")
        done = self.tracelog("-enable", "S", "-guid", ABSENT, "-level", "5", "-matchanykw", "2")
        self.assertIn("no running program has registered", done.stderr)
        provider, = self.status("S")["providers"]
        self.assertEqual((provider["level"], provider["match_any_keyword"]), (5, "0x2"))

    def test_the_ninth_session_of_a_provider_finds_no_room(self):
        source = self.source()
        for number in range(8):
            self.tracelog("-start", f"S{number}", "-f", f"{number}.etl", "-guid", MANIFEST)
        self.tracelog("-start", "S8", "-f", "8.etl")
        done = self.tracelog("-enable", "S8", "-guid", MANIFEST, code=1)
        self.assertIn("1450", done.stdout)
        self.tracelog("-disable", "S0", "-guid", MANIFEST)
        self.tracelog("-enable", "S8", "-guid", MANIFEST, "-timeout", PATIENCE_MS)
        source.tell("write 1 5")
        for number in range(9):
            self.stop(f"S{number}")
        for number in range(9):
            self.assertEqual(sum(self.counted(f"{number}.etl").values()), 0 if number == 0 else 5)

    def test_a_provider_is_enabled_before_it_comes(self):
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", MANIFEST, "-level", "4")
        source = self.source()
        source.tell("write 1 2")
        self.stop()
        self.assertEqual(self.counted(), {(source.pid, 1): 2})

    def test_disabling_one_of_several_leaves_the_others(self):
        source = self.source()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH)
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH)
        self.tracelog("-disable", "S", "-guid", MANIFEST)
        source.wait_for_callback(3)  # for S, for T, for the disable
        source.tell("write 1 2")
        source.tell("describe 2")
        self.stop("S")
        self.stop("T")
        self.assertEqual(self.counted("s.etl"), {(source.pid, "Described"): 2})
        self.assertEqual(self.counted("t.etl"), {(source.pid, 1): 2, (source.pid, "Described"): 2})


@unittest.skipUnless(is_root(), "needs root to run a program as another user")
class Secure(SourceTest):
    def test_only_the_owner_and_root_may_log(self):
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-secure")
        self.tracelog("-start", "T", "-f", "t.etl", *BOTH)
        owner, other = self.source(), self.source(user=NOBODY)
        for source in (owner, other):
            source.tell("write 1 3")
        maps = pathlib.Path(f"/proc/{other.pid}/maps").read_text()
        self.assertEqual(maps.count("memfd:"), 1)  # of T alone
        self.stop("S")
        self.stop("T")
        self.assertEqual(self.counted("s.etl"), {(owner.pid, 1): 3})
        self.assertEqual(self.counted("t.etl"), {(owner.pid, 1): 3, (other.pid, 1): 3})


class Modes(SourceTest):
    def test_low_capacity_keeps_the_order_and_counts_every_event(self):
        writers = [self.writer("--threads", 3, "--count", 20000, "--rate", 20000, "--wait")
                   for _ in range(2)]
        self.tracelog("-start", "L", "-f", "l.etl", "-guid", WRITER_GUID, "-lowcapacity", "-max",
                      "64")
        for writer in writers:
            writer.go()
        for writer in writers:
            writer.finish()
        final = json.loads(self.tracelog("-stop", "L", "-json", code=None).stdout)
        found = self.numbered("l.etl")
        self.assertEqual(sum(map(len, found.values())) + final["events_lost"], 120000)
        for key, sequence in found.items():
            self.assertEqual(sequence, sorted(set(sequence)), f"writer {key}")
        self.assertEqual({r["cpu"] for r in self.records("l.etl")}, {0})
        self.check_etl(self.folder / "l.etl")

    def test_modes_without_an_effect_of_their_own_are_accepted_and_kept(self):
        for option, bit in (("-paged", 0x01000000), ("-independent", 0x08000000), ("-gs", 0x4000),
                            ("-ls", 0x8000), ("-secure", 0x80)):
            log = f"m{option}.etl"
            self.tracelog("-start", "M", "-f", log, *BOTH, option)
            self.assertEqual(int(self.status("M")["log_file_mode"], 16) & bit, bit, option)
            source = self.source()
            source.tell("write 1 3")
            self.stop("M")
            self.assertEqual(self.counted(log), {(source.pid, 1): 3})
            (header,) = [r for r in self.records(log) if r.get("event") == "EventTrace/Header"]
            self.assertEqual(int(header["fields"]["LogFileMode"], 16) & bit, bit, option)
        done = self.tracelog("-start", "M", "-f", "m.etl", "-gs", "-ls", code=None)
        self.assertIn("87", done.stdout + done.stderr)

    def test_every_clock_gives_the_time_of_day(self):
        for option in ("-UsePerfCounter", "-UseSystemTime", "-UseCPUCycle"):
            log = f"c{option}.etl"
            self.tracelog("-start", "C", "-f", log, *BOTH, option)
            source = self.source()
            before = time.time()
            source.tell("write 1 3")
            after = time.time()
            self.stop("C")
            for record in self.events(log):
                text = record["time"][:26].rstrip("Z")
                seconds = time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
                seconds += float("0." + record["time"].rstrip("Z").partition(".")[2])
                self.assertGreater(seconds, before - 0.05, option)
                self.assertLess(seconds, after + 0.05, option)
            self.check_etl(self.folder / log)

    def test_full_buffers_wait_for_as_many_as_the_threshold(self):
        # Room for 8 blocks a ring and more, so that half a ring is never full here.
        processors = os.sysconf("SC_NPROCESSORS_CONF")
        self.tracelog("-start", "B", "-f", "b.etl", "-guid", WRITER_GUID, "-b", "4", "-min", "4",
                      "-max", 64 * processors, "-bt", "10")
        fill = 3000  # one event a buffer
        first = self.writer("--count", 6, "--fill", fill)
        first.finish()
        self.tracelog("-q", "B")
        self.assertEqual(self.status("B")["buffers_written"], 1)  # the header
        second = self.writer("--count", 14, "--fill", fill)
        second.finish()
        wait_for(lambda: self.status("B")["buffers_written"] > 10, "the buffers to be written")
        third = self.writer("--count", 4, "--fill", fill)
        third.finish()
        self.tracelog("-flush", "B")
        found = self.numbered("b.etl")
        self.assertEqual({key[0]: len(s) for key, s in found.items()},
                         {first.pid: 6, second.pid: 14, third.pid: 4})
        last = self.writer("--count", 2, "--fill", fill)
        last.finish()
        self.stop("B")
        self.assertEqual(sum(map(len, self.numbered("b.etl").values())), 26)

    def test_a_threshold_out_of_reach_costs_no_event(self):
        self.tracelog("-start", "B", "-f", "b.etl", "-guid", WRITER_GUID, "-b", "16", "-bt", "4000",
                      "-max", 8 * os.sysconf("SC_NPROCESSORS_CONF"))
        expected = {}
        for _ in range(6):
            before = self.status("B")["buffers_written"]
            writer = self.pinned_writer("--count", 60, "--fill", 1000)  # more than half a ring
            writer.finish()
            expected[writer.pid, 0] = list(range(60))
            wait_for(lambda: self.status("B")["buffers_written"] > before, "the half to be written")
        final = self.stop("B")
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(self.numbered("b.etl"), expected)


class Life(SourceTest):
    def test_a_session_ends_with_its_owner(self):
        owner = subprocess.Popen(["sleep", "1000"])
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-owner-pid", owner.pid)
        source = self.source()
        source.tell("write 1 3")
        self.assertEqual(self.sessions(), ["S"])
        owner.kill()
        owner.wait()
        wait_for(lambda: self.sessions() == [], "the session to end")
        self.assertEqual(self.counted(), {(source.pid, 1): 3})
        self.check_etl(self.folder / "s.etl")

    def test_the_owner_may_end_while_there_is_no_host(self):
        owner = subprocess.Popen(["sleep", "1000"])
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-owner-pid", owner.pid)
        self.kill_hosts()
        owner.kill()
        owner.wait()
        wait_for(lambda: self.sessions() == [], "the session to end")
        self.check_etl(self.folder / "s.etl")

    def test_the_next_host_watches_the_owner_too(self):
        owner = subprocess.Popen(["sleep", "1000"])
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-owner-pid", owner.pid)
        self.kill_hosts()
        self.assertEqual(self.sessions(), ["S"])
        owner.kill()
        owner.wait()
        wait_for(lambda: self.sessions() == [], "the session to end")

    def test_an_owner_that_has_ended_is_refused(self):
        owner = subprocess.Popen(["true"])
        owner.wait()
        done = self.tracelog("-start", "S", "-f", "s.etl", "-owner-pid", owner.pid, code=1)
        self.assertIn("87", done.stdout)
        self.assertIn(str(owner.pid), done.stderr)

    def test_a_session_ends_when_its_time_is_over(self):
        start = time.monotonic()
        self.tracelog("-start", "S", "-f", "s.etl", *BOTH, "-ttl", "2")
        self.kill_hosts()  # the next one goes on counting
        wait_for(lambda: self.sessions() == [], "the session to end")
        self.assertGreater(time.monotonic() - start, 2)
        self.check_etl(self.folder / "s.etl")


if __name__ == "__main__":
    unittest.main()
