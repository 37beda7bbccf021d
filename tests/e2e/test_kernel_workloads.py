"""Workloads that nobody here wrote: counts as the system has them, and nothing in a file that the
file itself does not tell."""
import bisect
import collections
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading

from harness import DEADLINE, wait_for
from kernel import KernelTest, TRACEFS
from test_kernel_classes import ClassTest


def event_name(record):
    return f"{record.get('provider', '')}/{record.get('event', '').split('/')[-1]}"


class Resolver:
    """What a file has told so far: processes, threads, code. Counts what it has not."""
    PROCESS = {"Image/Load": "ProcessId", "Image/UnLoad": "ProcessId", "Thread/Start": "ProcessId",
               "Thread/End": "ProcessId"}
    THREADS = {"Thread/CSwitch": ("OldThreadId", "NewThreadId"), "Thread/ReadyThread": ("TThreadId",),
               "DiskIo/Read": ("IssuingThreadId",), "DiskIo/Write": ("IssuingThreadId",),
               "DiskIo/FlushBuffers": ("IssuingThreadId",), "PerfInfo/SampleProf": ("ThreadId",)}
    CODE = {"PerfInfo/SampleProf": "InstructionPointer", "PerfInfo/DPC": "Routine"}

    def __init__(self):
        self.processes, self.threads = set(), {}
        self.begun = set()  # threads that were told before their end
        self.images = collections.defaultdict(list)  # by process: (base, end), in order
        self.unknown = collections.Counter()
        self.checked = collections.Counter()

    def _code(self, process, address):
        for images in (self.images[process], self.images[0]):
            at = bisect.bisect_right(images, (address, 1 << 65)) - 1
            # The nearest below may be within a larger one.
            if any(base <= address < end for base, end in images[max(at - 3, 0):at + 1]):
                return True
        return False

    def _look_at_stack(self, process, addresses):
        """The kernel's frames come first, then where the program was, and its callers."""
        for address in [a for a in addresses if a < 1 << 63]:
            self._check("frame", "StackWalk/Stack", self._code(process, address))

    def _check(self, kind, name, known):
        self.checked[kind] += 1
        if not known:
            self.unknown[kind, name] += 1

    def learn(self, name, fields):
        # One that ends as the trace begins may have its End only.
        if name in ("Process/Start", "Process/DCStart", "Process/End"):
            self.processes.add(fields["ProcessId"])
        elif name in ("Thread/Start", "Thread/DCStart", "Thread/End"):
            self.threads[fields["TThreadId"]] = fields["ProcessId"]
            if name != "Thread/End":
                self.begun.add(fields["TThreadId"])
        elif name.startswith("Image/") and name != "Image/DCEnd":
            base, size = (int(str(fields[f]), 0) for f in ("ImageBase", "ImageSize"))
            images = self.images[fields["ProcessId"]]
            if name == "Image/UnLoad":
                images[:] = [i for i in images if i[0] != base]
            elif (base, base + size) not in images:
                bisect.insort(images, (base, base + size))

    def look_at(self, record):
        name, fields = event_name(record), record.get("fields", {})
        self.learn(name, fields)
        process = self.PROCESS.get(name)
        # A thread that ends as the trace begins may be told as a process of its own.
        if name == "Thread/End" and fields["TThreadId"] not in self.begun:
            process = None
        if name.startswith(("TcpIp/", "UdpIp/")):
            process = "PID"
        if process:
            self._check("process", name, fields[process] in self.processes)
        threads = ("TTID",) if "TTID" in fields else self.THREADS.get(name, ())
        for field in threads:
            # A sample of a thread that had ended, before anything else had on that processor.
            if fields[field] != 0xFFFFFFFF:
                self._check("thread", name, fields[field] in self.threads)
        if name == "StackWalk/Stack":
            self._look_at_stack(fields["StackProcess"], [int(a, 16) for a in fields["Stack"]])
        if name in self.CODE:
            owner = self.threads.get(fields.get("ThreadId"), 0)
            self._check("code", name, self._code(owner, int(str(fields[self.CODE[name]]), 0)))


class Resolved(ClassTest):
    def test_every_process_thread_and_address_of_a_workload_is_told(self):
        """Compiling, an interpreter, a web server and its client, of which nothing is known before."""
        self.tracelog("-start", "-f", "a.etl", "-b", "256", "-max", "400", "-eflag",
                      "PROC_THREAD+CSWITCH+DISPATCHER+DISK_IO+NETWORKTRACE+FILE_IO+FILE_IO_INIT+"
                      "LOADER+PROFILE+DPC", "-stackwalk", "Profile+FileRead+ReadyThread")
        server = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "0", "--bind",
                                   "127.0.0.1"], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        port = int(server.stdout.readline().split("port ")[1].split()[0])
        (self.folder / "page").write_text("x" * 10000)
        (self.folder / "a.c").write_text("int main(void) { return 0; }\n")
        clients = [threading.Thread(target=lambda: self.run_python(
            f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/page').read()"))
            for _ in range(4)]
        for client in clients:
            client.start()
        subprocess.run([os.environ.get("ETW_CC", "cc"), "-o", "a.out", "a.c"], cwd=self.folder,
                       check=True, timeout=DEADLINE)
        for client in clients:
            client.join()
        server.kill()
        server.communicate()
        self.stop("NT Kernel Logger")
        told = Resolver()
        records = self.all_events("a.etl")
        # Of one that ends while it is looked at, its End is all there is.
        for record in records:
            if event_name(record) in ("Process/End", "Thread/End"):
                told.learn(event_name(record), record["fields"])
        for record in records:
            told.look_at(record)
        for kind in ("process", "thread", "code", "frame"):
            self.assertGreater(told.checked[kind], 100, told.checked)
        # Where the interpreter is another one's guest, it may run code that it has made itself.
        for kind, name in (("code", "PerfInfo/SampleProf"), ("frame", "StackWalk/Stack")):
            self.assertLessEqual(told.unknown.pop((kind, name), 0), told.checked[kind] // 100, name)
        self.assertEqual(dict(told.unknown), {})


class Workloads(KernelTest):
    """Each against a second witness of the same run."""

    def run_counted(self, *command):
        """A program and all that it starts: what the kernel says that they used."""
        process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        self.assertEqual(process.returncode, 0, command)
        return process.pid, usage

    def tree_of(self, root, *files):
        """Processes and threads of a program and all that it starts, and what they did."""
        processes, threads, done = {root}, {root}, collections.Counter()
        for record in self.all_events(*files):
            name, fields = event_name(record), record.get("fields", {})
            if name == "Process/Start" and fields["ParentId"] in processes:
                processes.add(fields["ProcessId"])
                done["fork"] += 1
            elif name == "Thread/Start" and fields["ProcessId"] in processes:
                threads.add(fields["TThreadId"])
            elif name == "Process/End" and fields["ProcessId"] in processes:
                done["exit"] += 1
            elif name == "Thread/CSwitch" and fields["OldThreadId"] in threads:
                done["switch"] += 1
            elif name in ("FileIo/Read", "FileIo/Write", "DiskIo/Read", "DiskIo/Write"):
                thread = fields.get("TTID", fields.get("IssuingThreadId"))
                if thread in threads:
                    done[name] += fields.get("IoSize", fields.get("TransferSize"))
        return threads, done

    def test_a_compiler_run_switches_and_forks_as_often_as_the_kernel_counted(self):
        compiler = os.environ.get("ETW_CC", "cc")
        for i in range(4):
            (self.folder / f"f{i}.c").write_text(f"#include <stdio.h>\nint f{i}(void) {{ return {i}; }}\n")
        (self.folder / "m.c").write_text("int main(void) { return 0; }\n")
        command = ["sh", "-c", f"for f in f0 f1 f2 f3 m; do {compiler} -c $f.c || exit 1; done; "
                               f"{compiler} -o prog f?.o m.o && ./prog; exit $?"]
        counted = shutil.which("perf")
        if counted:
            command = ["perf", "stat", "-x,", "-o", str(self.folder / "stat"), "-e",
                       "sched:sched_process_fork,sched:sched_process_exit", *command]
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "PROC_THREAD+CSWITCH")
        root, usage = self.run_counted(*command)
        self.stop("T")
        threads, done = self.tree_of(root, "a.etl")
        # Each thread's last switch may come after its parent has counted.
        switches = usage.ru_nvcsw + usage.ru_nivcsw
        self.assertLessEqual(abs(done["switch"] - switches), len(threads))
        self.assertGreater(done["fork"], 10)
        self.assertEqual(done["exit"], done["fork"] + 1)
        if not counted:
            return
        told = {}
        for line in (self.folder / "stat").read_text().splitlines():
            words = line.split(",")
            if len(words) > 2 and words[0].isdigit():
                told[words[2].split(":")[-1]] = int(words[0])
        if not told:
            self.skipTest("perf does not count here")
        # perf counts for the program that it starts: not itself, nor that program's own beginning.
        self.assertEqual(len(threads) - 2, told["sched_process_fork"])
        self.assertEqual(len(threads) - 1, told["sched_process_exit"])

    def test_bytes_to_and_from_files_and_the_disk(self):
        device = os.stat(self.folder).st_dev
        block = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        if not (block / "mq").exists() and not (block / "../mq").exists():
            self.skipTest("the folder is on no disk of the request layer")
        copy = ["dd", "if=data", "of=copy", "bs=64k", "iflag=direct", "oflag=direct"]
        (self.folder / "data").write_bytes(os.urandom(4 << 20))
        os.sync()
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag",
                      "PROC_THREAD+DISK_IO+FILE_IO+FILE_IO_INIT")
        try:
            root, usage = self.run_counted(*copy)
        except AssertionError:
            self.skipTest("the file system has no O_DIRECT")
        self.stop("T")
        _, done = self.tree_of(root, "a.etl")
        # What the program itself is loaded with may come from the disk too. A request can take in
        # what another process wants beside it.
        read = usage.ru_inblock * 512
        self.assertAlmostEqual(done["DiskIo/Read"], read, delta=read // 100)
        self.assertEqual(done["DiskIo/Write"], 4 << 20)
        self.assertEqual(done["FileIo/Write"], 4 << 20)
        self.assertGreaterEqual(done["FileIo/Read"], 4 << 20)

    TREES = """
set -e
tar xf tree.tar
cp -a tree copy
git clone -q repository clone
truncate -s 5 copy/f0
ln copy/f0 linked
ln -s copy/f0 symlink
mkfifo pipe
chmod 600 copy/f1
touch -d @0 copy/f2
mv copy/f2 moved
rm -rf tree copy clone linked symlink pipe moved
"""
    FILE_CALLS = {
        "folder": ("mkdir", "mkdirat"),
        "node": ("mknod", "mknodat"),
        "symlink": ("symlink", "symlinkat"),
        "link": ("link", "linkat"),
        "size": ("truncate", "ftruncate"),
        "basic": ("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat",
                  "utimensat"),
        "open": ("open", "openat", "openat2", "creat"),
        "Delete": ("unlink", "unlinkat", "rmdir"),
        "Rename": ("rename", "renameat", "renameat2"),
    }

    def test_trees_of_files_are_made_copied_and_removed_as_often_as_strace_counted(self):
        if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
            self.skipTest("this kernel has no type information (BTF)")
        for tool in ("strace", "git"):
            if not shutil.which(tool):
                self.skipTest(f"needs {tool}")
        tree = self.folder / "tree"
        for i in range(20):
            (tree / f"d{i}").mkdir(parents=True)
            (tree / f"f{i}").write_text("x" * i)
            (tree / f"d{i}" / "symlink").symlink_to(f"../f{i}")
            os.link(tree / f"f{i}", tree / f"d{i}" / "link")
        subprocess.run(["tar", "cf", "tree.tar", "tree"], cwd=self.folder, check=True)
        user = ["-c", "user.name=a", "-c", "user.email=a@b"]
        for command in (["init", "-q", "../repository"], ["add", "."], [*user, "commit", "-qm", "x"]):
            subprocess.run(["git", *command], cwd=tree if command[0] == "init"
                           else self.folder / "repository", check=True, capture_output=True)
            if command[0] == "init":
                shutil.copytree(tree, self.folder / "repository" / "tree", symlinks=True)
        shutil.rmtree(tree)
        calls = sorted(c for names in self.FILE_CALLS.values() for c in names)
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "PROC_THREAD+FILE_IO+FILE_IO_INIT")
        # strace knows calls that this machine does not have, or does not know new ones: "?".
        root, _ = self.run_counted("strace", "-f", "-c", "-U", "calls,name", "-o", "counts", "-e",
                                   "trace=" + ",".join("?" + c for c in calls), "sh", "-c", self.TREES)
        self.stop("T")
        counted = collections.Counter()
        for line in (self.folder / "counts").read_text().splitlines():
            words = line.split()
            if len(words) == 2 and words[0].isdigit():
                counted[words[1]] = int(words[0])
        expected = {kind: sum(counted[c] for c in names) for kind, names in self.FILE_CALLS.items()}
        threads, _ = self.tree_of(root, "a.etl")
        told, irps, ended = collections.Counter(), set(), set()
        for record in self.all_events("a.etl"):
            name, fields = event_name(record), record.get("fields", {})
            if name == "FileIo/OperationEnd":
                ended.add(fields["IrpPtr"])
            if fields.get("TTID") not in threads - {root}:
                continue
            if name == "FileIo/Create":
                kind = {0x10: "folder", 0x400: "symlink"}.get(int(str(fields["FileAttributes"]), 0), "open")
                if kind == "open" and "/pipe" in fields["OpenPath"]:
                    kind = "node"
            elif name == "FileIo/SetInfo":
                kind = {4: "basic", 11: "link", 20: "size"}[fields["InfoClass"]]
            elif name in ("FileIo/Delete", "FileIo/Rename"):
                kind = name.split("/")[1]
            else:
                continue
            told[kind] += 1
            irps.add(fields["IrpPtr"])
        for kind, names in self.FILE_CALLS.items():
            self.assertGreater(expected[kind], 0, names)
        self.assertEqual(dict(told), expected)
        self.assertEqual(irps - ended, set())

    def test_a_web_server_under_load(self):
        self.need_lengths()
        size, requests = 30000, 60
        (self.folder / "page").write_text("x" * size)
        server = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "0", "--bind",
                                   "127.0.0.1"], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(server.kill)
        port = int(server.stdout.readline().split("port ")[1].split()[0])
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "PROC_THREAD+NETWORKTRACE")
        code = f"""
import socket, threading
counts = []
def client():
    sent = received = 0
    for _ in range({requests // 4}):
        s = socket.create_connection(("127.0.0.1", {port}))
        sent += s.send(b"GET /page HTTP/1.0\\r\\n\\r\\n")
        while part := s.recv(65536):
            received += len(part)
        s.close()
    counts.append((sent, received))
threads = [threading.Thread(target=client) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(sum(c[0] for c in counts), sum(c[1] for c in counts))
"""
        client = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        sent, received = map(int, client.communicate(timeout=DEADLINE)[0].split())
        server.kill()
        server.communicate()
        self.stop("T")
        bytes_of, events = collections.Counter(), collections.Counter()
        for record in self.all_events("a.etl"):
            name, fields = event_name(record), record.get("fields", {})
            if name.startswith("TcpIp/") and port in (fields["sport"], fields["dport"]):
                key = (name, fields["PID"])
                bytes_of[key] += fields["size"]
                events[key] += 1
        self.assertGreater(received, size * requests)
        for side, out, back in ((client.pid, sent, received), (server.pid, received, sent)):
            self.assertEqual(bytes_of["TcpIp/Send", side], out)
            self.assertEqual(bytes_of["TcpIp/Recv", side], back)
            self.assertEqual(events["TcpIp/Disconnect", side], requests)
        self.assertEqual(events["TcpIp/Connect", client.pid], requests)
        self.assertEqual(events["TcpIp/Accept", server.pid], requests)


class OtherTracers(KernelTest):
    def test_perf_reads_what_it_reads_alone(self):
        """The kernel marks the mappings that all readers get, where one asks for build ids with
        them; perf stumbles over the mark."""
        if not shutil.which("perf"):
            self.skipTest("needs perf")
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "PROC_THREAD+LOADER+CSWITCH+FILENAME")
        data = str(self.folder / "perf.data")
        done = subprocess.run(["perf", "record", "-q", "-a", "-e", "sched:sched_process_exec", "-o",
                               data, "sh", "-c", "for i in 1 2 3 4 5 6; do /bin/true; done"],
                              capture_output=True, text=True, timeout=DEADLINE)
        self.tracelog("-stop", "T", code=None)
        if done.returncode != 0:
            self.skipTest("perf does not record here: " + done.stderr)
        self.assertNotIn("assertion failed", done.stderr)
        told = subprocess.run(["perf", "script", "-i", data, "--show-mmap-events"],
                              capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(told.stderr.count("assertion failed"), 0)
        self.assertGreaterEqual(told.stdout.count("sched_process_exec"), 6)

    def test_trace_cmd_and_a_session_see_the_same_ends(self):
        if not shutil.which("trace-cmd"):
            self.skipTest("needs trace-cmd")
        data = str(self.folder / "trace.dat")
        # In a buffer of its own: another trace-cmd that ends resets the one that all share.
        name = f"test-{os.getpid()}"
        rival = subprocess.Popen(["stdbuf", "-oL", "trace-cmd", "record", "-d", "-k", "-B", name,
                                  "-e", "sched:sched_process_exit", "-o", data],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        instance = TRACEFS / "instances" / name

        def clean_up():
            rival.kill()
            rival.wait()
            with contextlib.suppress(OSError):
                instance.rmdir()
        self.addCleanup(clean_up)
        enabled = instance / "events/sched/sched_process_exit/enable"

        def records():
            try:
                return enabled.read_text().strip() == "1"
            except OSError:
                return False
        said = []
        while not said or "Ctrl^C" not in said[-1]:  # when its recorders run
            said.append(rival.stdout.readline())
            if not said[-1]:
                self.skipTest("trace-cmd does not record here: " + "".join(said))
        self.assertTrue(records())
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "PROC_THREAD+CSWITCH")
        children = []
        for _ in range(10):
            child = subprocess.Popen(["/bin/true"])
            child.wait()
            children.append(child.pid)
        self.tracelog("-stop", "T", code=None)
        self.assertTrue(records())
        rival.send_signal(signal.SIGINT)
        rival.communicate(timeout=DEADLINE)
        report = subprocess.run(["trace-cmd", "report", "-i", data], capture_output=True, text=True,
                                timeout=DEADLINE).stdout
        ended = {e["ProcessId"] for e in self.events("Process/End", "a.etl")}
        for pid in children:
            self.assertIn(f"pid={pid} ", report)
            self.assertIn(pid, ended)


class Order(KernelTest):
    def test_thousands_of_switches_and_the_events_between_them(self):
        """Two programs share a processor, so that each event has a switch near it: the thread that
        writes is the one that the last switch began."""
        cpu = max(os.sched_getaffinity(0))
        writers = [self.writer("--threads", 2, "--count", 12000, "--rate", 4000, "--wait", "--hold")
                   for _ in range(2)]
        for writer in writers:
            for task in pathlib.Path(f"/proc/{writer.pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {cpu})
        self.start_recording("Both", "-f", "a.etl", "-b", "256", "-max", "400", "-eflag",
                             "CSWITCH+PROC_THREAD")
        for writer in writers:
            writer.go()
        for writer in writers:
            self.assertEqual(writer.written(), 24000)
        self.stop("Both")
        runs, seen, last = None, [], 0
        wrong = checked = switches = 0
        ours = {w.pid for w in writers}
        for record in self.all_events("a.etl"):
            if record["cpu"] != cpu:
                self.assertFalse(record.get("event") == "Numbered" and record["pid"] in ours)
                continue
            if event_name(record) == "Thread/CSwitch":
                fields = record["fields"]
                # Kernels leave out a switch here and there, in every reader's trace: the one
                # behind the event is looked at too.
                either = {runs, fields["OldThreadId"]}
                wrong += sum(thread not in either for thread in seen)
                switches += bool(seen)
                seen, runs = [], fields["NewThreadId"]
            elif record.get("event") == "Numbered" and runs is not None:
                checked += 1
                seen.append(record["tid"])
        self.assertGreater(checked, 45000)
        # Thousands; the busier the machine, the more events are written in a turn.
        self.assertGreater(switches, 400)
        self.assertEqual(wrong, 0)
