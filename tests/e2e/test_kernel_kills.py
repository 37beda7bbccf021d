"""What a program does while the host is killed: each kind of kernel events goes on being recorded
while the worker is replaced, and what is missing all the same is counted."""
import os
import signal
import subprocess
import sys
import unittest

from harness import BIN, DEADLINE, hang, kill
from kernel import HAS_TYPES, KernelTest

# Does something as often as each line says, and tells of it when it is done.
ACTOR = """
import mmap, os, signal, socket, sys, threading
def child():
    pid = os.fork()
    if pid == 0:
        os._exit(7)
    os.waitpid(pid, 0)
def thread():
    new = threading.Thread(target=lambda: None)
    new.start()
    new.join()
file = os.open("read", os.O_CREAT | os.O_RDWR)
os.write(file, b"x" * 100)
receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiving.bind(("127.0.0.1", 0))
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def datagram():
    sending.sendto(b"y" * 77, receiving.getsockname())
    receiving.recv(100)
listening = socket.create_server(("127.0.0.1", 0))
there = socket.create_connection(listening.getsockname())
here, _ = listening.accept()
def stream():
    there.sendall(b"z" * 55)
    here.recv(55)
program = os.open(os.path.realpath("/bin/true"), os.O_RDONLY)
def map_image():
    return mmap.mmap(program, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
mapped = []
def images():
    if not mapped:
        mapped.extend(map_image() for _ in range(5))
    else:
        while mapped:
            mapped.pop().close()
actions = {"child": child, "thread": thread, "datagram": datagram, "stream": stream,
           "image": lambda: map_image().close(), "images": images,
           "read": lambda: os.pread(file, 10, 0),
           "call": lambda: os.sched_get_priority_max(os.SCHED_IDLE)}
action = actions[sys.argv[1]]
for line in sys.stdin:
    for _ in range(int(line)):
        action()
    print("done", flush=True)
"""
ROOM = ("-b", "256", "-max", "400")
IMAGE = os.path.realpath("/bin/true")
CALL = b'"SysCallAddress":"0x92"'  # sched_get_priority_max of x86-64


class Actor:
    """A process that does something as often as each line says: of ACTOR, or another program."""

    def __init__(self, folder, *words, code=ACTOR, program=None):
        command = program or [sys.executable, "-S", "-E", "-c", code]
        self.process = subprocess.Popen([*command, *map(str, words)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=folder)
        self.pid, self.count, self.told = self.process.pid, 0, []

    def begin(self, times):
        self.count += times
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()

    def wait(self):
        """What it tells of what it has done stands in `told`, in numbers."""
        done, *numbers = self.process.stdout.readline().split() or ["nothing"]
        if done != "done":
            raise AssertionError("the actor has ended")
        self.told.append(list(map(int, numbers)))

    def act(self, times):
        self.begin(times)
        self.wait()

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


class Kills(KernelTest):
    def start(self, *options):
        self.tracelog("-start", "T", "-f", "a.etl", *ROOM, *options)

    def act_over_kills(self, action, times, *options):
        """Returns the actor."""
        self.start(*options)
        actor = Actor(self.folder, action)
        self.kill_beside(actor, times)
        self.stop_and_count_lost()
        return actor

    def kill_beside(self, actor, times):
        """Has it act before a worker is killed, right after it while nobody reads, and while the
        next one is killed; then it ends."""
        try:
            actor.act(0)  # it runs
            killed = []
            for _ in range(3):
                actor.act(times)
                killed.append(self.kill_worker(killed))
                actor.act(times)
                self.tracelog("-flush", "T")
                actor.begin(times)
                killed.append(self.kill_worker(killed))
                actor.wait()
                self.tracelog("-flush", "T")
        finally:
            actor.close()

    def stop_and_count_lost(self):
        done = self.tracelog("-stop", "T", code=None)
        self.assertIn(done.returncode, (0, 3))
        self.lost = self.summary("a.etl")["events_lost"]

    def of_net(self, provider, kind):
        return [r["fields"] for r in self.all_events("a.etl")
                if r.get("provider") == provider and
                r.get("event", "").split("/")[-1].startswith(kind)]

    def count_shown(self, name, field, log):
        """Events of this name with this field, as JSON has it. Line by line and not parsed: they
        may be more than a small machine's memory holds, or its Python parses in minutes."""
        command = [BIN / "tracefmt", log, "-event", name, "-displayonly", "-nosummary", "-json"]
        with subprocess.Popen(command, env=self.env, cwd=self.folder,
                              stdout=subprocess.PIPE) as shown:
            count = sum(field in line for line in shown.stdout)
        self.assertIn(shown.returncode, (0, 3))
        return count

    def of_image(self, event, actor):
        return sum(e["ProcessId"] == actor.pid and e["FileName"].endswith(IMAGE)
                   for e in self.events(event, "a.etl"))

    def check(self, found, actor):
        """As often as it was done, but for what is counted as lost, of whatever kind."""
        self.assertLessEqual(found, actor.count)
        self.assertGreaterEqual(found + self.lost, actor.count)


class KilledWorker(Kills):
    def test_children(self):
        actor = self.act_over_kills("child", 30, "-eflag", "PROC_THREAD")
        ours = {e["ProcessId"] for e in self.events("Process/Start", "a.etl")
                if e["ParentId"] == actor.pid}
        ends = [e for e in self.events("Process/End", "a.etl") if e["ProcessId"] in ours]
        self.check(len(ours), actor)
        self.check(len(ends), actor)
        if HAS_TYPES:
            self.check(sum(e["ExitStatus"] == 7 for e in ends), actor)

    def test_threads_with_stacks(self):
        actor = self.act_over_kills("thread", 100, "-eflag", "PROC_THREAD", "-stackwalk",
                                    "ThreadCreate")
        self.check(sum(e["ProcessId"] == actor.pid != e["TThreadId"]
                       for e in self.events("Thread/Start", "a.etl")), actor)

    def test_system_calls(self):
        actor = self.act_over_kills("call", 500, "-eflag", "SYSCALL")
        self.check(self.count_shown("PerfInfo/SysClEnter", CALL, "a.etl"), actor)

    def test_streams(self):
        actor = self.act_over_kills("stream", 300, "-eflag", "NETWORKTRACE")
        for kind in ("Send", "Recv"):
            self.check(sum(e["PID"] == actor.pid and e["size"] == 55
                           for e in self.of_net("TcpIp", kind)), actor)

    def test_datagrams(self):
        actor = self.act_over_kills("datagram", 300, "-eflag", "NETWORKTRACE")
        sent = [e for e in self.of_net("UdpIp", "Send") if e["PID"] == actor.pid and e["size"] == 77]
        self.check(len(sent), actor)
        if HAS_TYPES:
            self.check(sum(e["daddr"] == "127.0.0.1" for e in sent), actor)

    def test_images(self):
        actor = self.act_over_kills("image", 300, "-eflag", "LOADER")
        for event in ("Image/Load", "Image/UnLoad"):
            self.check(self.of_image(event, actor), actor)

    @unittest.skipUnless(HAS_TYPES, "this kernel has no type information (BTF)")
    def test_images_that_go_while_there_is_no_worker(self):
        """The next one does not know what they were."""
        self.start("-eflag", "LOADER")
        actor = Actor(self.folder, "images")
        try:
            actor.act(1)
            self.tracelog("-flush", "T")
            worker = self.worker()
            keeper, = set(self.host_pids()) - {worker}
            hang(keeper)
            kill(worker)
            actor.act(1)
            os.kill(keeper, signal.SIGCONT)
            self.worker(but=[worker])
            actor.act(2)
        finally:
            actor.close()
        self.stop_and_count_lost()
        self.assertEqual(self.of_image("Image/Load", actor), 10)
        self.assertEqual(self.of_image("Image/UnLoad", actor), 5)
        # But for those that went just as another process looked at what the actor has mapped.
        self.assertGreater(self.lost, 0)


@unittest.skipUnless(HAS_TYPES, "this kernel has no type information (BTF)")
class KilledWorkerFiles(Kills):
    def check_reads(self, actor):
        reads = [e for e in self.events("FileIo/Read", "a.etl")
                 if e["TTID"] == actor.pid and e["IoSize"] == 10]
        self.check(len(reads), actor)

    def test_reads(self):
        self.check_reads(self.act_over_kills("read", 500, "-eflag", "FILE_IO_INIT"))

    def test_reads_with_stacks(self):
        self.check_reads(self.act_over_kills("read", 500, "-eflag", "FILE_IO_INIT", "-stackwalk",
                                             "FileRead"))


class StacksThatComeAndGo(Kills):
    """With stacks events come from elsewhere. Both ways record while one takes over from the other,
    and each event is told by one of them."""

    def act_over_updates(self, action, times, flags, stacks):
        self.start("-eflag", *flags)
        actor = Actor(self.folder, action)
        try:
            actor.act(0)  # it runs
            for _ in range(4):
                for with_stacks in (("-stackwalk", stacks), ()):
                    actor.begin(times)
                    self.tracelog("-update", "T", "-eflag", *flags, *with_stacks)
                    actor.wait()
        finally:
            actor.close()
        self.stop_and_count_lost()
        return actor

    def test_threads(self):
        actor = self.act_over_updates("thread", 300, ("PROC_THREAD",), "ThreadCreate")
        self.check(sum(e["ProcessId"] == actor.pid != e["TThreadId"]
                       for e in self.events("Thread/Start", "a.etl")), actor)
        self.assertTrue(self.events("StackWalk/Stack", "a.etl"))

    def test_what_is_sent(self):
        actor = self.act_over_updates("stream", 1000, ("NETWORKTRACE",), "TcpSend")
        self.check(sum(e["PID"] == actor.pid and e["size"] == 55
                       for e in self.of_net("TcpIp", "Send")), actor)

    @unittest.skipUnless(HAS_TYPES, "this kernel has no type information (BTF)")
    def test_reads(self):
        actor = self.act_over_updates("read", 3000, ("FILE_IO_INIT",), "FileRead")
        self.check(sum(e["TTID"] == actor.pid and e["IoSize"] == 10
                       for e in self.events("FileIo/Read", "a.etl")), actor)


class KilledWithKeeper(Kills):
    def test_a_worker_whose_keeper_is_killed_hands_all_over_to_the_next(self):
        self.start("-eflag", "LOADER", "-stackwalk", "ImageLoad")
        actor = Actor(self.folder, "image")
        try:
            for _ in range(3):
                actor.act(300)
                worker = self.worker()
                keeper, = set(self.host_pids()) - {worker}
                self.kill_hosts([keeper])
                actor.act(300)
                self.worker(but=[worker])
                self.tracelog("-flush", "T")
        finally:
            actor.close()
        self.stop_and_count_lost()
        self.check(self.of_image("Image/Load", actor), actor)

    def test_what_nobody_recorded_is_counted(self):
        """Once for each kind of which nobody knows how much it was."""
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "LOADER")
        self.tracelog("-flush", "T")
        self.kill_hosts()
        actor = Actor(self.folder, "image")
        actor.act(10)
        actor.close()
        self.tracelog("-flush", "T")
        self.stop_and_count_lost()
        self.assertGreater(self.lost, 0)


if __name__ == "__main__":
    unittest.main()
