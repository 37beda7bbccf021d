"""What tests of kernel events share: what this machine has, and sessions that are to lose nothing."""
import contextlib
import functools
import json
import os
import pathlib
import signal
import subprocess

from harness import EndToEnd, hang, is_root, wait_for

TRACEFS = pathlib.Path("/sys/kernel/tracing")
TRIES = 5  # of a test whose sessions are to lose nothing
HAS_TYPES = pathlib.Path("/sys/kernel/btf/vmlinux").exists()


def has_tracefs():
    if not is_root():
        return False
    if not (TRACEFS / "instances").is_dir():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", str(TRACEFS)], capture_output=True)
    return os.access(TRACEFS / "instances", os.W_OK)


def has_function(name):
    symbols = pathlib.Path("/proc/kallsyms").read_text().splitlines()
    return any(line.split()[2] == name for line in symbols)


def tells_lengths():
    """Of what is sent and received: by tracepoints (since Linux 6.3), or by programs where the
    kernel's functions return, if these can be told apart from others and be gone into."""
    return ((TRACEFS / "events/sock/sock_send_length").is_dir() or
            (HAS_TYPES and has_function("register_ftrace_direct")))


def instances():
    return {p.name for p in (TRACEFS / "instances").iterdir() if p.name.startswith("etw-")}


class EventsLost(Exception):
    """Other processes of the machine have filled the session's buffers."""


def until_whole(test):
    """Does a test again whose session has lost events, with more room. Where it always does, the
    test has failed, but on a machine that is far too busy."""
    @functools.wraps(test)
    def tried(self):
        for self.tries in range(TRIES):
            if self.tries:
                self.tearDown()
                self.doCleanups()
                self.setUp()
            with contextlib.suppress(EventsLost):
                return test(self)
        if os.getloadavg()[0] > 4 * os.cpu_count():
            self.skipTest("the machine is too busy: the session lost events")
        raise AssertionError(f"the session lost events, {TRIES} times")
    return tried


class KernelTest(EndToEnd):
    tries = 0  # before this one
    cached = None

    def __init_subclass__(cls):
        for name, test in list(vars(cls).items()):
            if name.startswith("test"):
                setattr(cls, name, until_whole(test))

    def setUp(self):
        if not has_tracefs():
            self.skipTest("needs root and tracefs")
        super().setUp()
        self.cached = None
        self.left = set()  # instances of hosts that were killed

    def tracelog(self, *args, **kwargs):
        if self.tries and args[0] == "-start" and "-eflag" in args and "-b" not in args:
            args += ("-b", "256", "-max", "400")
        return super().tracelog(*args, **kwargs)

    def tearDown(self):
        self.kill_hosts()
        # What this test's hosts left is for the next host to remove; here that is us.
        for name in self.left:
            with contextlib.suppress(OSError):
                (TRACEFS / "instances" / name).rmdir()
        super().tearDown()

    def need_lengths(self):
        if not tells_lengths():
            self.skipTest("this kernel does not tell what is sent and received")

    def kill_hosts(self, pids=None):
        self.left |= self.own_instances()
        super().kill_hosts(pids)

    def events(self, name, *files):
        """Fields of the events of this name ("Process/Start"), in the log's order."""
        return [r["fields"] for r in self.all_events(*files)
                if r.get("provider", "") + "/" + r.get("event", "").split("/")[-1] == name]

    def all_events(self, *files):
        if not self.cached or self.cached[0] != files:
            self.cached = (files, self.records(*files))
        return self.cached[1]

    def summary(self, *files):
        done = self.run_tool("tracefmt", *files, "-o", "-", "-summaryonly", "-json", code=None)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return json.loads(done.stdout)

    def own_instances(self):
        """Those that this test's hosts have made."""
        pids = set(map(str, self.host_pids()))
        return {name for name in instances() if name.split("-")[1] in pids}

    def stop(self, *name):
        """Of a session that has lost nothing; where it has, the test is done again."""
        done = self.tracelog("-stop", *name, code=None)
        if done.returncode == 3:
            raise EventsLost
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def overflow(self, name):
        """Makes system calls, which this instance records, while its collector hangs, until the
        kernel has dropped many. Returns how many it has dropped."""
        instance = TRACEFS / "instances" / name
        worker = self.worker()
        hang(worker)
        try:
            def dropped():
                return sum(int(line.split()[-1])
                           for stats in instance.glob("per_cpu/cpu*/stats")
                           for line in stats.read_text().splitlines()
                           if line.startswith("dropped events"))

            def busy():
                for _ in range(20000):
                    os.getppid()
                return dropped() > 1000
            wait_for(busy, "the kernel's buffer to be full")
            (instance / "tracing_on").write_text("0")
            return dropped()
        finally:
            os.kill(worker, signal.SIGCONT)
