"""Real tools, real processes, a session host of its own for each test.

A failing test keeps its folder and prints it, with the environment that replays its commands.
"""
import collections
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["ETW_BIN"])
SHARED = pathlib.Path(os.environ.get("ETW_SHARED_DIR", "/nonexistent"))
ETLCHECK = SHARED / "tools" / "etlcheck.py"
SANITIZED = bool(os.environ.get("ETW_SANITIZE"))
THREAD_SANITIZED = os.environ.get("ETW_SANITIZE") == "thread"
WRITER_GUID = "5f1c0b0e-6e5e-4f57-9a36-0d5a1c6f7e01"
OTHER_GUID = "d58c126f-b309-11d1-969e-0000f875a5bc"  # of no program here
DEADLINE = 360 if SANITIZED else 180  # seconds; a bound on waiting, never a delay
PATIENCE_MS = "60000"  # the same for tools that wait for programs and programs that wait for a host
NOBODY = 65534


def is_root():
    return os.geteuid() == 0


def room(megabytes):
    """Options of a session each of whose rings holds that much: nothing of it is lost, however long
    a busy machine lets the host wait for its turn."""
    return ("-b", "64", "-max", str(16 * megabytes * os.sysconf("SC_NPROCESSORS_CONF")))


def wait_for(condition, what, seconds=DEADLINE):
    """Waits until condition() is true; looks again every few milliseconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        select.select([], [], [], 0.005)


def kill(pid):
    """SIGKILL; returns when none of its threads is left. A process whose first thread has ended
    has no command line any more, while others may still have its sockets open."""
    with contextlib.suppress(ProcessLookupError):
        with os.fdopen(os.pidfd_open(pid), "rb", buffering=0) as process:
            signal.pidfd_send_signal(process.fileno(), signal.SIGKILL)
            if not select.select([process], [], [], DEADLINE)[0]:
                raise AssertionError(f"waited {DEADLINE} s for process {pid} to end")


# For processes that a test may stop. The kernel ends a process group by SIGHUP, tests and all and
# without a word, when its last tie to the session's shell ends while one of its members is stopped.
APART = {"start_new_session": True}


def hang(pid):
    """Stops a process; returns when none of its threads goes on."""
    assert os.getsid(pid) != os.getsid(0), "not started APART"
    def states():
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has ended
                yield (thread / "stat").read_text().rpartition(")")[2].split()[0]
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: set(states()) == {"T"}, "the process to stop")


def code_in(pid):
    """All code of files that a process has mapped, as it is in its memory now."""
    out = {}
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights, _, _, inode, *name = line.split(maxsplit=5)
            if "x" not in rights or inode == "0":
                continue
            begin, end = (int(x, 16) for x in place.split("-"))
            memory.seek(begin)
            out[begin, *name] = memory.read(end - begin)
    return out


SYSCALLS = {"x86_64": {"rseq": 334, "membarrier": 324, "bpf": 321, "perf_event_open": 298},
            "aarch64": {"rseq": 293, "membarrier": 283, "bpf": 280, "perf_event_open": 241}}


def deny(*names, error=errno.EPERM):
    """A preexec_fn: these system calls fail from now on."""
    numbers = [SYSCALLS[os.uname().machine][name] for name in names]
    load, equal, give = 0x20, 0x15, 0x06
    code = [(load, 0, 0, 0)]
    for number in numbers:
        code += [(equal, 0, 1, number), (give, 0, 0, 0x00050000 | error)]
    code.append((give, 0, 0, 0x7FFF0000))
    program = b"".join(struct.pack("HBBI", *step) for step in code)
    buffer = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))

    def install():
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        set_no_new_privs, set_seccomp, filter_mode = 38, 22, 2
        zero = ctypes.c_ulong(0)
        assert prctl(set_no_new_privs, ctypes.c_ulong(1), zero, zero, zero) == 0
        assert prctl(set_seccomp, ctypes.c_ulong(filter_mode), header, zero, zero) == 0
    install.keep = buffer
    return install


class Writer:
    """A running etw-test-writer."""

    def __init__(self, env, *args, user=None, preexec_fn=None):
        self.process = subprocess.Popen(
            [str(BIN / "etw-test-writer"), *map(str, args)], env=env, text=True, user=user,
            preexec_fn=preexec_fn,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, **APART)
        assert self.process.stdout.readline() == "ready\n"
        self.pid = self.process.pid

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def written(self):
        line = self.process.stdout.readline()
        assert line.startswith("written "), line
        return int(line.split()[1])

    def finish(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        assert self.process.wait(DEADLINE) == 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()


class EndToEnd(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="etw-e2e-"))
        os.chmod(self.folder, 0o755)
        self.runtime = self.folder / "run"
        self.env = dict(os.environ, ETW_RUNTIME_DIR=str(self.runtime), TZ="UTC", LC_ALL="C.UTF-8",
                        ETW_CONFIG_DIR=str(self.folder / "config"),
                        ETW_REGISTER_WAIT_MS=PATIENCE_MS)
        self.writers = []
        self.failed_before = self._failures()

    def _failures(self):
        result = self._outcome.result
        return len(result.failures) + len(result.errors)

    def tearDown(self):
        for writer in self.writers:
            writer.close()
        self.kill_hosts()
        if self._failures() > self.failed_before:
            print(f"kept: {self.folder} (ETW_RUNTIME_DIR={self.runtime} PATH={BIN}:$PATH)",
                  file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- processes ------------------------------------------------------------------------------

    def run_tool(self, tool, *args, code=0, **kwargs):
        done = subprocess.run([str(BIN / tool), *map(str, args)], env=self.env, text=True,
                              cwd=self.folder, capture_output=True, timeout=DEADLINE, **kwargs)
        if code is not None:
            self.assertEqual(done.returncode, code,
                             f"{tool} {' '.join(map(str, args))}\n{done.stdout}{done.stderr}")
        return done

    def tracelog(self, *args, code=0, **kwargs):
        return self.run_tool("tracelog", *args, code=code, **kwargs)

    def writer(self, *args, user=None):
        writer = Writer(self.env, *args, user=user)
        self.writers.append(writer)
        return writer

    def pinned_writer(self, *args, cpu=None, user=None):
        """A writer that stays on one processor, by default the first: what it writes stands in one
        ring in its order, and what is missing at the end or at the beginning leaves no gap."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(before) if cpu is None else cpu})
        try:
            return self.writer(*args, user=user)
        finally:
            os.sched_setaffinity(0, before)

    def start_host(self):
        """Programs that are started after this have told it of themselves when they are "ready", so
        that a session finds them all. Without a host they would be found some time after it has
        come up."""
        subprocess.run([str(BIN / "etwd"), "--runtime-dir", str(self.runtime)], env=self.env,
                       check=True, timeout=DEADLINE, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def host_processes(self):
        """{pid: command line} of every etwd process that serves this test's folder."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                # Not by name: one that is just being started still has another.
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"--runtime-dir" in words and str(self.runtime).encode() in words:
                    found[int(entry.name)] = words
        return found

    def host_pids(self):
        return list(self.host_processes())

    def worker(self, but=()):
        """The host's working process, as soon as it has one that is none of those. By its command
        line: while the host comes up, its keeper has a parent, too."""
        return wait_for(lambda: next((pid for pid, words in self.host_processes().items()
                                      if b"--worker-fd" in words and pid not in but), None),
                        "the host's worker")

    def kill_worker(self, but=()):
        """SIGKILL for the host's working process, that is none of those; gone on return."""
        pid = self.worker(but)
        kill(pid)
        return pid

    def kill_hosts(self, pids=None):
        """These; all of them by default, and those that they start to replace each other."""
        def none_left():
            left = [pid for pid in self.host_pids() if pids is None or pid in pids]
            for pid in left:
                kill(pid)
            # One that is just becoming a keeper or a worker has no command line for a moment.
            return not left and (pids is not None or not self.host_lives())
        wait_for(none_left, "the hosts to be gone")

    def host_lives(self):
        """Each of its processes has the folder's lock."""
        with contextlib.suppress(FileNotFoundError), (self.runtime / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def start_recording(self, name, *options):
        """Starts a session of the test writer's provider; returns when the writer records to it.
        The host may be new, and the writer only just find it, so that -start waits for nobody."""
        enable = ("-guid", WRITER_GUID, "-timeout", PATIENCE_MS)
        self.tracelog("-start", name, *enable, *options)
        wait_for(lambda: any(p["guid"] == WRITER_GUID for p in
                             json.loads(self.tracelog("-enumguid", "-json").stdout)), "the writer")
        provider, = self.status(name)["providers"]
        self.tracelog("-enable", name, *enable, "-level", provider["level"],
                      "-matchanykw", provider["match_any_keyword"])

    def sessions(self):
        """The names of those that run."""
        return [s["name"] for s in json.loads(self.tracelog("-l", "-json").stdout)]

    # -- what is shown --------------------------------------------------------------------------

    def assert_operation(self, output, code=0):
        self.assertIn(f"Operation Status:       {code}L", output)

    def assert_line(self, output, label, value):
        """The value stands at column 24 of the labelled line."""
        self.assertIn(f"{label:<24}{value}", output.splitlines())

    # -- what was recorded ----------------------------------------------------------------------

    def status(self, name):
        return json.loads(self.tracelog("-q", name, "-json").stdout)

    def records(self, *files):
        done = self.run_tool("tracefmt", *files, "-displayonly", "-nosummary", "-json", code=None)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def numbered(self, *files):
        """{(pid, thread): [sequence, ...]} of the test writer's events, in the log's order."""
        found = collections.defaultdict(list)
        for record in self.records(*files):
            if record.get("event") == "Numbered":
                fields = record["fields"]
                self.assertEqual(set(fields["fill"]), {chr(ord("a") + fields["thread"] % 26)})
                found[record["pid"], fields["thread"]].append(fields["sequence"])
        return found

    def assert_prefixes(self, found):
        """No event is missing, doubled or out of order up to where each writer got."""
        for key, sequence in found.items():
            self.assertEqual(sequence, list(range(len(sequence))), f"writer {key}")

    def check_etl(self, path, strictness="--strictest"):
        """Our independent checker accepts the file."""
        if not ETLCHECK.exists():
            self.skipTest(f"needs {ETLCHECK}")
        done = subprocess.run([sys.executable, str(ETLCHECK), strictness, str(path)],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        return json.loads(done.stdout)


class SmallDisk:
    """Mixed into a class of tests: `disk` is a folder on a disk of its own that has little room."""
    DISK_SIZE = "4m"

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self.DISK_SIZE}", "tmpfs", str(self.disk)],
            capture_output=True).returncode == 0
        if not mounted:
            self.skipTest("needs the right to mount a small tmpfs")

    def tearDown(self):
        self.kill_hosts()
        subprocess.run(["umount", "-l", str(self.disk)], capture_output=True)
        super().tearDown()

    def fill(self):
        with contextlib.suppress(OSError), (self.disk / "ballast").open("ab") as out:
            while True:
                out.write(b"x" * 4096)
                out.flush()

    def free(self):
        (self.disk / "ballast").unlink()
