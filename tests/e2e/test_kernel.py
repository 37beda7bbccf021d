"""Kernel events: real tracefs, counts compared with what the test itself did."""
import collections
import errno
import json
import mmap
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
import unittest

from harness import (BIN, DEADLINE, NOBODY, SYSCALLS, EndToEnd, Writer, deny, is_root,
                     wait_for)
from kernel import TRACEFS, KernelTest, instances


class KernelLogger(KernelTest):
    def test_T12a_what_runs_and_begins_and_ends(self):
        out = self.tracelog("-start").stdout
        self.assertTrue(out.startswith("Logger Started...\n"), out)
        for label, value in (("Logger Name:", "NT Kernel Logger"), ("Logger Id:", "0xffff"),
                             ("Guid:", "9e814aad-3204-11d2-9a82-006008a86939"),
                             ("Enabled tracing:", "Process Thread Disk TcpIp")):
            self.assertIn(f"{label:<24}{value}\n", out)
        children = []
        for i in range(20):
            child = subprocess.Popen(["/bin/true", f"argument {i}"])
            child.wait()
            children.append(child.pid)
        # Arguments are looked at as a program begins; of a short one a busy machine may miss them.
        lasting = subprocess.Popen(["/bin/sh", "-c", "read line", "sh", "an argument"],
                                   stdin=subprocess.PIPE)
        self.tracelog("-flush")
        lasting.communicate()
        self.stop()
        self.assertEqual(self.own_instances(), set())
        started = {e["ProcessId"]: e for e in self.events("Process/Start", "LogFile.etl")}
        ended = {e["ProcessId"]: e for e in self.events("Process/End", "LogFile.etl")}
        late = []
        for pid in children:
            self.assertEqual(started[pid]["ParentId"], os.getpid())
            # Where a machine under load takes its time from fork to exec, a DCStart tells it.
            if started[pid]["ImageFileName"] != "true":
                late.append(pid)
            self.assertEqual(started[pid]["UserSID"], "S-1-22-1-0")
            self.assertEqual(ended[pid]["UniqueProcessKey"], started[pid]["UniqueProcessKey"])
            self.assertEqual(ended[pid]["ImageFileName"], "true")
        self.assertLess(len(late), len(children))
        told = [ended[pid]["CommandLine"] for pid in children]
        self.assertTrue(all(t.startswith("/bin/true") for t in told), told)
        self.assertIn("an argument", ended[lasting.pid]["CommandLine"])
        # Every process and thread that ran is told at the beginning, and none twice.
        running = collections.Counter(
            e["ProcessId"] for e in self.events("Process/DCStart", "LogFile.etl"))
        self.assertIn(os.getpid(), running)
        self.assertIn(0, running)
        self.assertEqual(set(children) & set(running), set(late))
        threads = collections.Counter(
            e["TThreadId"] for e in self.events("Thread/DCStart", "LogFile.etl"))
        self.assertEqual(max(threads.values()), 1)
        self.assertIn(os.getpid(), {e["ProcessId"]
                                    for e in self.events("Process/DCEnd", "LogFile.etl")})
        self.check_etl(self.folder / "LogFile.etl")

    def test_T12b_the_registry_is_refused_by_name(self):
        done = self.tracelog("-start", "-nothread", "-hf", "-cm", "-ft", "2", code=1)
        self.assertIn("Operation Status:       50L", done.stdout)
        self.assertIn("-cm: there is no registry", done.stderr)
        self.tracelog("-start", "-nothread", "-hf", "-ft", "2")
        out = self.tracelog("-q").stdout
        self.assertIn("Enabled tracing:        Process Disk HardFaults TcpIp\n", out)
        self.assertIn("Buffer Flush Timer:     2 secs\n", out)

    def test_T12c_live_events_under_the_default_name(self):
        self.tracelog("-start", "-rt")
        live = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "-displayonly", "-nosummary",
                                 "-json"], env=self.env, cwd=self.folder, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: self.status("NT Kernel Logger")["real_time_consumers"] == 1, "tracefmt")
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        self.stop()
        out, errors = live.communicate(timeout=DEADLINE)
        self.assertEqual(live.returncode, 0, errors)
        ends = [r["fields"]["ProcessId"] for r in map(json.loads, out.splitlines())
                if r.get("event", "").split("/")[-1] == "End" and r["provider"] == "Process"]
        self.assertIn(child.pid, ends)

    def test_T15_interrupts_update_and_stop(self):
        out = self.tracelog("-start", "-f", "test01.etl", "-dpcisr", "-UsePerfCounter", "-b",
                            "64").stdout
        self.assertIn("Enabled tracing:        Process Thread Disk File ImageLoad", out)
        self.assertIn("Buffer Size:            64 Kb\n", self.tracelog("-q").stdout)
        out = self.tracelog("-update", "-b", "128", "-max", "40").stdout
        self.assertIn("Maximum Buffers:        40\n", out)
        self.assertIn("Buffer Size:            64 Kb\n", out)
        self.assertIn("Enabled tracing:        Process Thread Disk File ImageLoad", out)
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        self.stop()
        self.tracelog("-q", code=1)
        names = {f"{r['provider']}/{r['event'].split('/')[-1]}"
                 for r in self.all_events("test01.etl")}
        for name in ("Thread/CSwitch", "PerfInfo/DPC", "Image/DCStart", "Image/Load",
                     "FileIo/Name"):
            self.assertIn(name, names)
        self.assertIn(child.pid, {e["ProcessId"] for e in self.events("Process/End",
                                                                      "test01.etl")})
        loaded = [e["FileName"] for e in self.events("Image/Load", "test01.etl")
                  if e["ProcessId"] == child.pid]
        self.assertTrue(any("libc" in path for path in loaded), loaded)
        self.check_etl(self.folder / "test01.etl")

    def test_misuse(self):
        self.tracelog("-start")
        done = self.tracelog("-start", code=1)
        self.assertIn("Operation Status:       183L", done.stdout)
        done = self.tracelog("-enable", "-guid", "d58c126f-b309-11d1-969e-0000f875a5bc", code=1)
        self.assertIn("System Logger does not accept application guids", done.stderr)
        self.stop()
        done = self.tracelog("-start", "-guid", "d58c126f-b309-11d1-969e-0000f875a5bc")
        self.assertIn("System Logger does not accept application guids", done.stderr)
        self.assertIn("Logger Name:            NT Kernel Logger\n", done.stdout)
        self.stop()
        for words in (["-gs"], ["-ls"], ["-paged"], ["-newfile", "1", "-f", "a%d.etl"]):
            self.assertIn("87L", self.tracelog("-start", *words, code=1).stdout)
        self.assertEqual(self.own_instances(), set())

    def test_other_flags_from_now_on(self):
        self.tracelog("-start", "-f", "a.etl", "-nothread", "-nodisk", "-nonet")
        before = subprocess.Popen(["/bin/true"])
        before.wait()
        out = self.tracelog("-update", "-eflag", "CSWITCH+THREAD").stdout
        self.assertIn("Enabled tracing:        Thread CxtSwap\n", out)
        after = subprocess.Popen(["/bin/true"])
        after.wait()
        self.stop()
        processes = {e["ProcessId"] for e in self.events("Process/End", "a.etl")}
        threads = {e["TThreadId"] for e in self.events("Thread/End", "a.etl")}
        self.assertIn(before.pid, processes)
        self.assertNotIn(after.pid, processes)
        self.assertIn(after.pid, threads)
        self.assertNotIn(before.pid, threads)
        self.assertTrue(self.events("Thread/DCStart", "a.etl"))
        # A circular log may have lost its beginning: what is told no longer is told once more.
        self.assertIn(os.getpid(), {e["ProcessId"] for e in self.events("Process/DCEnd", "a.etl")})
        self.assertTrue(self.events("Thread/CSwitch", "a.etl"))

    def test_flags_are_for_sessions_with_kernel_events(self):
        self.tracelog("-start", "Other", "-f", "a.etl")
        done = self.tracelog("-update", "Other", "-eflag", "CSWITCH", code=1)
        self.assertIn("Operation Status:       87L", done.stdout)
        self.assertIn("'Other' has no kernel events", done.stderr)
        self.assertNotIn("Enabled tracing", self.tracelog("-q", "Other").stdout)
        self.tracelog("-stop", "Other")

    def test_one_more_rundown_on_request(self):
        self.tracelog("-start", "-f", "a.etl")
        self.tracelog("-systemrundown")
        self.stop()
        told = collections.Counter(e["ProcessId"] for e in self.events("Process/DCStart", "a.etl"))
        self.assertEqual(told[1], 2)
        self.tracelog("-start", "Other", "-f", "b.etl")
        self.assertIn("87L", self.tracelog("-systemrundown", "Other", code=1).stdout)


class Counts(KernelTest):
    def test_context_switches_of_two_threads_that_play_ping_pong(self):
        rounds = 5000
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "CSWITCH+PROC_THREAD")
        code = f"""
import os, threading
a, b = os.pipe(), os.pipe()
def pong():
    for _ in range({rounds}):
        os.read(a[0], 1)
        os.write(b[1], b'x')
t = threading.Thread(target=pong)
t.start()
os.sched_setaffinity(0, {{0}})
os.sched_setaffinity(t.native_id, {{0}})
for _ in range({rounds}):
    os.write(a[1], b'x')
    os.read(b[0], 1)
t.join()
n = {{}}
for line in open('/proc/self/task/' + str(os.getpid()) + '/status'):
    if 'ctxt_switches' in line:
        n[line.split(':')[0]] = int(line.split()[1])
print(os.getpid(), sum(n.values()), flush=True)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=True, timeout=DEADLINE)
        pid, switches = map(int, done.stdout.split())
        self.stop("T")
        left = sum(1 for e in self.events("Thread/CSwitch", "a.etl") if e["OldThreadId"] == pid)
        # Up to the count it printed, and the few until it ended.
        self.assertGreaterEqual(left, switches)
        self.assertLess(left - switches, 200)
        self.assertGreater(left, rounds // 2)
        status = self.check_etl(self.folder / "a.etl")
        self.assertEqual(status["out_of_order_in_buffer"]["records"], 0)

    def test_a_connection_and_every_byte_of_it(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "NETWORKTRACE+PROCESS")
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        sent, received = 0, []

        def serve():
            peer, _ = listener.accept()
            while True:
                part = peer.recv(65536)
                if not part:
                    break
                received.append(len(part))
            peer.close()
        server = threading.Thread(target=serve)
        server.start()
        client = socket.create_connection(("127.0.0.1", port))
        for size in (1, 1000, 50000):
            client.sendall(b"x" * size)
            sent += size
        client.close()
        server.join()
        listener.close()
        self.stop("T")

        def mine(name):
            return [e for e in self.events(name, "a.etl") if port in (e["dport"], e["sport"])]
        connect, = mine("TcpIp/Connect")
        self.assertEqual((connect["PID"], connect["dport"], connect["daddr"]),
                         (os.getpid(), port, "127.0.0.1"))
        accept, = mine("TcpIp/Accept")
        self.assertEqual((accept["PID"], accept["sport"]), (os.getpid(), port))
        self.need_lengths()
        self.assertEqual(sum(e["size"] for e in mine("TcpIp/Send") if e["dport"] == port), sent)
        self.assertEqual(sum(e["size"] for e in mine("TcpIp/Recv") if e["sport"] == port),
                         sum(received))
        self.assertEqual(len(mine("TcpIp/Disconnect")), 2)
        summary = self.summary("a.etl")
        client, = [c for c in summary["connections"]
                   if c["pid"] == os.getpid() and c["remote"] == f"127.0.0.1:{port}"]
        self.assertEqual((client["protocol"], client["sent_bytes"]), ("TCP", sent))
        own, = [p for p in summary["processes"] if p["pid"] == os.getpid()]
        self.assertGreaterEqual(own["sent_bytes"], sent)
        self.assertNotIn("exit_status", own)
        counts = {(t["event"], t["type"]): t["count"] for t in summary["types"]}
        self.assertEqual(counts["TcpIp", "Send"], len(self.events("TcpIp/Send", "a.etl")))
        self.assertEqual(sum(counts.values()), summary["events"])

    def test_bytes_that_go_to_the_disk(self):
        where = self.folder / "data"
        device = os.stat(self.folder).st_dev
        block = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
        if not (block / "mq").exists() and not (block / "../mq").exists():
            self.skipTest("the folder is on no disk of the request layer")
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "DISK_IO+PROCESS")
        try:
            fd = os.open(where, os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
        except OSError:
            self.skipTest("the file system has no O_DIRECT")
        page = mmap.mmap(-1, 65536)
        for _ in range(16):
            os.write(fd, page)
        os.fsync(fd)
        os.close(fd)
        self.stop("T")
        mine = [e for e in self.events("DiskIo/Write", "a.etl")
                if e["IssuingThreadId"] == os.getpid()]
        self.assertGreaterEqual(sum(e["TransferSize"] for e in mine), 16 * 65536)
        self.assertTrue(all(e["HighResResponseTime"] > 0 for e in mine))

    def test_what_the_kernel_could_not_keep_is_counted(self):
        self.tracelog("-start", "T", "-f", "a.etl", "-eflag", "SYSCALL")
        lost = self.overflow(*self.own_instances())
        done = self.tracelog("-stop", "T", code=3)
        self.assertIn(f"Events Lost:            {lost}\n", done.stdout)


class CommandLines(KernelTest):
    def test_of_thousands_of_characters(self):
        self.tracelog("-start", "-f", "a.etl")
        # Of one that ends at once a busy machine may miss them.
        child = subprocess.Popen(["/bin/cat", "-", "x" * 6000, "last"], stdin=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL)
        self.tracelog("-flush")
        child.communicate()
        self.stop()
        told = [e["CommandLine"] for e in self.events("Process/End", "a.etl")
                if e["ProcessId"] == child.pid]
        self.assertEqual(told, ["/bin/cat - " + "x" * 6000 + " last"])


class Sessions(KernelTest):
    def test_T18_T19_groups_of_a_named_session(self):
        out = self.tracelog("-start", "MyTrace", "-f", "a.etl", "-eflag",
                            "PROC_THREAD+LOADER+DPC+CSWITCH+PROFILE").stdout
        self.assertTrue(out.startswith(
            "Turning On group: PROC_THREAD\nTurning On group: LOADER\nTurning On group: DPC\n"
            "Turning On group: CSWITCH\nTurning On group: PROFILE\nAdding GroupMask ExtItem\n"
            "Logger Started...\n"), out)
        self.assertIn("Enabled tracing:        Process Thread ImageLoad CxtSwap Dpc Profile\n", out)
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        self.stop("MyTrace")
        self.assertIn(os.getpid(), {e["ThreadId"] for e in self.events("PerfInfo/SampleProf",
                                                                       "a.etl")})

    def test_one_without_rings_for_programs_records_the_kernel_too(self):
        """As every session where the time stamp counter is of no use."""
        self.tracelog("-start", "T", "-f", "a.etl", "-lowcapacity", "-eflag", "PROCESS")
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        self.stop("T")
        self.assertIn(child.pid, {e["ProcessId"] for e in self.events("Process/End", "a.etl")})

    def test_eight_at_once_with_flags_of_their_own(self):
        for i in range(8):
            self.tracelog("-start", f"S{i}", "-f", f"{i}.etl", "-eflag",
                          "PROCESS" if i % 2 else "THREAD")
        done = self.tracelog("-start", "S8", "-f", "8.etl", "-systemlogger", code=1)
        self.assertIn("Operation Status:       1450L", done.stdout)
        child = subprocess.Popen(["/bin/true"])
        child.wait()
        self.tracelog("-x", "-y")
        self.assertEqual(self.own_instances(), set())
        for i in range(8):
            field, name = (("ProcessId", "Process/End") if i % 2 else ("TThreadId", "Thread/End"))
            self.assertIn(child.pid, {e[field] for e in self.events(name, f"{i}.etl")})
            self.assertFalse(self.events("Thread/End" if i % 2 else "Process/End", f"{i}.etl"))

    def test_kernel_and_user_events_of_a_thread_in_their_order(self):
        """Between two events of a thread, its switches: it runs when it writes."""
        if "over a socket" in self.tracelog("-doctor", "-json", code=None).stdout:
            self.skipTest("programs have no rings here")
        wrong, checked = self.events_between_switches()
        self.assertGreater(checked, 3000)
        self.assertEqual(wrong, 0)

    def test_their_order_whatever_other_sessions_do(self):
        """Which take what counts the processors' ticks from each other for a moment."""
        if "over a socket" in self.tracelog("-doctor", "-json", code=None).stdout:
            self.skipTest("programs have no rings here")

        def start_others():
            for _ in range(5):
                self.tracelog("-start", "Other", "-f", "b.etl", "-eflag", "CSWITCH")
                self.tracelog("-stop", "Other", code=None)

        wrong, checked = self.events_between_switches(meanwhile=start_others)
        self.assertGreater(checked, 3000)
        self.assertEqual(wrong, 0)

    @unittest.skipIf(os.uname().machine not in SYSCALLS, "system call numbers")
    def test_also_of_events_that_come_over_sockets(self):
        """Of several programs that take turns on a processor. All but an event whose thread has to
        make way between stamping and sending it."""
        without_rings = deny("rseq", error=errno.ENOSYS)

        def on_one_processor():
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            without_rings()

        wrong, checked = self.events_between_switches(programs=4, preexec_fn=on_one_processor)
        self.assertGreater(checked, 12000)
        self.assertLess(wrong, checked // 400)

    def events_between_switches(self, programs=1, preexec_fn=None, meanwhile=lambda: None):
        """How many events of programs were told while another thread ran, and of how many."""
        # A socket to the host takes fewer at a time than rings.
        rate = (20000 if programs == 1 else 8000) // 4 ** self.tries
        writers = [Writer(self.env, "--count", 4000, "--rate", rate, "--wait", "--hold",
                          preexec_fn=preexec_fn) for _ in range(programs)]
        self.writers += writers
        self.start_recording("Both", "-f", "a.etl", "-eflag", "CSWITCH+PROC_THREAD")
        meanwhile()
        for writer in writers:
            writer.go()
        for writer in writers:
            self.assertEqual(writer.written(), 4000)
        self.stop("Both")
        # By processor: who runs since the last switch, and whose events were seen since. Kernels
        # leave out a switch here and there, in every reader's trace: the one behind is looked at too.
        runs, seen = {}, {}
        wrong = checked = 0
        for record in self.all_events("a.etl"):
            cpu = record["cpu"]
            if record.get("event", "").split("/")[-1] == "CSwitch":
                fields = record["fields"]
                either = {runs.get(cpu), fields["OldThreadId"]}
                wrong += sum(thread not in either for thread in seen.pop(cpu, []))
                runs[cpu] = fields["NewThreadId"]
            elif record.get("event") == "Numbered" and cpu in runs:
                checked += 1
                seen.setdefault(cpu, []).append(record["tid"])
        return wrong, checked

    def test_group_names_are_listed(self):
        out = self.tracelog("-eflag", "Help").stdout
        self.assertIn("  CSWITCH        0x00000010\n", out)
        self.assertIn("  REGISTRY       0x00020000  not on Linux\n", out)


class KilledHost(KernelTest):
    def test_the_session_goes_on_with_what_the_kernel_kept(self):
        self.tracelog("-start", "-f", "a.etl")
        name, = self.own_instances()
        for _ in range(3):
            self.kill_hosts([self.worker()])
            child = subprocess.Popen(["/bin/true"])
            child.wait()
        last = child.pid
        self.tracelog("-q")
        self.assertEqual(self.own_instances(), {name})
        # What was on its way to one of the killed is lost with it.
        self.assertIn(self.tracelog("-stop", code=None).returncode, (0, 3))
        self.assertNotIn(name, instances())
        self.assertIn(last, {e["ProcessId"] for e in self.events("Process/End", "a.etl")})

    def test_with_its_keeper_nothing_is_left_behind(self):
        self.tracelog("-start", "-f", "a.etl")
        name, = self.own_instances()
        self.kill_hosts()
        self.assertIn(name, instances())
        self.tracelog("-q", code=None)  # a host takes the session up, or cleans up after it
        self.tracelog("-stop", code=None)
        self.assertNotIn(name, instances())

    def test_what_a_successor_holds_is_not_cleared_away(self):
        maker = subprocess.Popen(["/bin/true"])
        maker.wait()
        name, group = f"etw-{maker.pid}-f00d", f"etw_{maker.pid}_f00d"
        probes = TRACEFS / "uprobe_events"
        instance = TRACEFS / "instances" / name
        instance.mkdir()
        with open(instance / "per_cpu/cpu0/trace_pipe_raw", "rb"):
            out = os.open(probes, os.O_WRONLY | os.O_APPEND)
            os.write(out, f"p:{group}/probe /bin/true:0x40\n".encode())
            os.close(out)
            self.tracelog("-start")
            self.assertTrue(instance.exists())
            self.assertIn(group, probes.read_text())
        self.kill_hosts()
        self.tracelog("-q")
        self.assertFalse(instance.exists())
        self.assertNotIn(group, probes.read_text())


@unittest.skipUnless(is_root(), "needs root to become somebody else")
class WithoutRights(EndToEnd):
    def test_kernel_events_are_for_root(self):
        self.env["XDG_RUNTIME_DIR"] = str(self.folder)
        os.chown(self.folder, NOBODY, NOBODY)
        done = self.tracelog("-start", code=1, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertIn("Operation Status:       5L", done.stdout)
        self.assertIn("kernel events are for root", done.stderr)

    def test_tracepoints_are_for_root_and_other_names_for_all(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become somebody else")
        self.env["XDG_RUNTIME_DIR"] = str(self.folder)
        os.chown(self.folder, 65534, 65534)
        nobody = dict(user=65534, group=65534, extra_groups=[])
        for words in ("*Linux.sched", "Linux.sched"):
            done = self.tracelog("-start", "T", "-f", "a.etl", "-guid", words, code=None, **nobody)
            self.assertIn("tracepoints and probes of programs are for root", done.stderr)
            self.tracelog("-stop", "T", code=None, **nobody)
        done = self.tracelog("-start", "T", "-f", "a.etl", "-guid", "*Company.App", **nobody)
        self.assertNotIn("are for root", done.stderr)
