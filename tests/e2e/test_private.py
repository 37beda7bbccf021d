"""Private sessions (-um): in the provider's own process, whatever becomes of host, tool or process."""
import errno
import json
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys
import unittest
import uuid

from harness import BIN, DEADLINE, ETLCHECK, EndToEnd, NOBODY, SANITIZED, SYSCALLS, SmallDisk, \
    WRITER_GUID, Writer, deny, hang, is_root, room, wait_for

OTHER_GUID = "0d7a7a6c-0000-4000-8000-000000000001"
PROTOCOL = 4  # wire::kProviderProtocolVersion


class PrivateTest(EndToEnd):
    def start(self, name, *more, code=0):
        return self.tracelog("-start", name, "-um", "-guid", WRITER_GUID, *more, code=code)

    def private(self, action, name, *more, code=0):
        done = self.tracelog(action, name, "-um", "-json", *more, code=code)
        return json.loads(done.stdout)

    def refused(self, number, words, *args):
        done = self.tracelog(*args, code=1)
        self.assertIn(f"{number}L", done.stdout)
        self.assertIn(words, done.stderr)

    def running(self, name="P"):
        return [p for p in self.private("-q", name)["processes"] if p["running"]]

    def wait_for_processes(self, count, name="P"):
        return wait_for(lambda: len(self.running(name)) == count and self.running(name),
                        f"{count} processes in the session")

    def assert_whole(self, path, pid, count):
        """The log has exactly these events of this process, in order."""
        self.check_etl(path)
        self.assertEqual(dict(self.numbered(path)), {(pid, 0): list(range(count))} if count else {})

    def log(self, name):
        return self.folder / name


class Private(PrivateTest):
    def test_t11a(self):
        """tracelog -start MyTrace -guid MyProvider.guid -um"""
        (self.folder / "MyProvider.guid").write_text(f"{WRITER_GUID}\n")
        writer = self.writer("--count", 500, "--wait", "--hold")
        shown = self.tracelog("-start", "MyTrace", "-guid", "MyProvider.guid", "-um").stdout
        self.assertRegex(shown, r"Log Mode: +Private  Sequential\n")
        self.wait_for_processes(1, "MyTrace")
        writer.go()
        self.assertEqual(writer.written(), 500)
        self.assertEqual(self.tracelog("-l").stdout, "")  # private sessions are never listed
        self.tracelog("-q", "MyTrace", code=1)  # nor found without -um
        final = self.private("-stop", "MyTrace")
        self.assertEqual(final["events_lost"], 0)
        self.assert_whole(self.log("LogFile.etl"), writer.pid, 500)
        self.refused(4201, "no private session 'MyTrace'", "-q", "MyTrace", "-um")

    def test_the_second_process_writes_a_file_with_its_id_and_so_does_a_later_one(self):
        first = self.writer("--count", 300, "--wait", "--hold")
        self.tracelog("-start", "Other", "-f", "other.etl")  # the host knows the first one
        wait_for(lambda: WRITER_GUID in self.tracelog("-enumguid").stdout, "the registration")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        second = self.writer("--count", 200, "--wait", "--hold")
        self.wait_for_processes(2)
        late = self.writer("--count", 100)  # enabled before its registration returns
        late.finish()
        for writer, count in ((first, 300), (second, 200)):
            writer.go()
            self.assertEqual(writer.written(), count)
        wait_for(lambda: len(self.running()) == 2, "the end of the late one")
        final = self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), first.pid, 300)
        self.assert_whole(self.log(f"p.etl_{second.pid}"), second.pid, 200)
        self.assert_whole(self.log(f"p.etl_{late.pid}"), late.pid, 100)
        files = {p["pid"]: pathlib.Path(p["log_file"]).name for p in final["processes"]}
        self.assertEqual(files, {first.pid: "p.etl", second.pid: f"p.etl_{second.pid}",
                                 late.pid: f"p.etl_{late.pid}"})
        self.assertEqual(final["buffers_written"],
                         sum(p["buffers_written"] for p in final["processes"]))
        self.tracelog("-stop", "Other")

    def test_a_session_that_no_process_joins_leaves_a_log_and_says_so(self):
        done = self.start("P", "-f", "p.etl")
        self.assertIn("no running program has registered", done.stderr)
        self.assertIn("recorded no event", self.tracelog("-stop", "P", "-um").stderr)
        self.check_etl(self.log("p.etl"))

    def test_a_log_that_nobody_took_is_whole_also_after_an_update_or_the_hosts_end(self):
        self.start("P", "-f", "p.etl")
        self.private("-update", "P", "-f", "new.etl")
        self.check_etl(self.log("p.etl"))
        self.kill_hosts()
        self.private("-stop", "P")
        self.check_etl(self.log("new.etl"))

    def test_each_refusal_has_its_code_and_a_sentence(self):
        def no(words, *more, code=87):
            self.refused(code, words, "-start", "P", "-um", "-f", "p.etl", *more)
            self.assertFalse(self.log("p.etl").exists())
        guid = ("-guid", WRITER_GUID)
        no("needs its provider")
        no("cannot append", *guid, "-append")
        no("no consumers", *guid, "-rt")
        no("leave out -buffering", *guid, "-buffering")
        no("leave out -independent", *guid, "-independent")
        no("leave out -paged", *guid, "-paged")
        no("leave out -kd", *guid, "-kd")
        no("cannot preallocate", *guid, "-seq", "1", "-prealloc")
        self.refused(87, "leave out -newfile", "-start", "P", "-um", *guid, "-f", "p%d.etl",
                     "-newfile", "1")
        self.refused(4201, "", "-stop", "P", "-um")
        self.start("P", "-f", "p.etl")
        self.refused(87, "no consumers", "-update", "P", "-um", "-rt")
        self.private("-stop", "P")

    def test_a_process_has_one_private_session(self):
        writer = self.writer("--count", 100, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        self.refused(183, "already running", "-start", "P", "-um", "-guid", OTHER_GUID)
        self.refused(183, "records", "-start", "Q", "-um", "-guid", WRITER_GUID)
        self.refused(161, "log of another session", "-start", "Q", "-um", "-guid", OTHER_GUID,
                     "-f", "p.etl")
        self.refused(161, "log of another session", "-start", "Q", "-f", "p.etl")
        # Another name with another provider is another matter.
        self.tracelog("-start", "Q", "-um", "-guid", OTHER_GUID, "-f", "q.etl")
        self.tracelog("-stop", "Q", "-um")
        # And a session of the usual kind may have the name, and the provider.
        self.tracelog("-start", "P", "-guid", WRITER_GUID, "-f", "usual.etl")
        writer.go()
        self.assertEqual(writer.written(), 100)
        self.tracelog("-stop", "P")
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), writer.pid, 100)
        self.assert_whole(self.log("usual.etl"), writer.pid, 100)

    def test_stopped_and_started_again_in_the_same_process(self):
        writer = self.writer("--count", 0, "--rate", 1000)
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        for i in range(20):
            self.private("-stop", "P")
            self.start("P", "-f", f"p{i}.etl")
            self.wait_for_processes(1)
        self.assertEqual(self.private("-stop", "P")["events_lost"], 0)
        writer.kill()

    def test_flush_brings_what_was_written_into_the_log(self):
        writer = self.writer("--count", 10, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 10)
        self.assertEqual(self.numbered("p.etl"), {})
        flushed = self.private("-flush", "P")
        self.assertGreater(flushed["recorded_bytes"], 0)
        self.assertEqual(dict(self.numbered("p.etl")), {(writer.pid, 0): list(range(10))})
        self.private("-stop", "P")

    def test_the_flush_timer_does_so_too(self):
        writer = self.writer("--count", 10, "--wait", "--hold")
        self.start("P", "-f", "p.etl", "-ft", "1")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 10)
        wait_for(lambda: self.numbered("p.etl"), "the flush timer")
        self.private("-stop", "P")

    def test_update_changes_file_and_flush_timer_only(self):
        writers = [self.writer("--count", 5000, "--rate", 5000, "--hold") for _ in range(2)]
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(2)
        status = self.private("-update", "P", "-ft", "1", "-guid", WRITER_GUID)
        self.assertEqual(status["flush_timer_s"], 1)
        status = self.private("-update", "P", "-f", "new.etl")
        self.assertEqual(status["log_file"], str(self.log("new.etl")))
        self.assertEqual(len(self.running()), 2)
        for writer in writers:
            self.assertEqual(writer.written(), 5000)
        done = self.tracelog("-update", "P", "-um", "-max", "500")
        self.assertIn("no effect", done.stderr)
        self.refused(161, "log of", "-update", "P", "-um", "-f", "new.etl")
        self.refused(4201, "does not record", "-update", "P", "-um", "-ft", "2", "-guid", OTHER_GUID)
        self.assertEqual(self.private("-stop", "P")["events_lost"], 0)
        by_pid = {}
        for base in ("p.etl", "new.etl"):
            for path in sorted(self.folder.glob(base + "*")):
                self.check_etl(path)
                for (pid, _), numbers in self.numbered(path).items():
                    by_pid.setdefault(pid, []).extend(numbers)
        self.assertEqual(set(by_pid), {w.pid for w in writers})
        for numbers in by_pid.values():  # begun before the session: what is there has no gap
            self.assertEqual(numbers, list(range(numbers[0], 5000)))

    def test_sequential_log_ends_at_its_limit_and_stays_complete(self):
        writer = self.writer("--count", 20000, "--wait", "--hold")
        self.start("P", "-f", "p.etl", "-seq", "1")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 20000)
        wait_for(lambda: not self.running(), "the log to be full")
        self.assertLessEqual(self.log("p.etl").stat().st_size, 1024 * 1024)
        self.check_etl(self.log("p.etl"))
        self.assert_prefixes(self.numbered("p.etl"))
        self.tracelog("-stop", "P", "-um", code=None)

    def test_circular_log_keeps_the_newest_events(self):
        writer = self.writer("--count", 50000, "--rate", 200000, "--wait", "--hold")
        self.start("P", "-f", "p.etl", "-cir", "1", *room(12))
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 50000)
        self.assertEqual(self.private("-stop", "P")["events_lost"], 0)
        self.assertEqual(self.log("p.etl").stat().st_size, 1024 * 1024)
        self.check_etl(self.log("p.etl"), "--strict")
        numbers = self.numbered("p.etl")[writer.pid, 0]
        self.assertEqual(numbers[-1], 49999)
        self.assertEqual(numbers, sorted(numbers))

    def test_system_time(self):
        writer = self.writer("--count", 3000, "--wait", "--hold")
        self.start("P", "-f", "p.etl", "-UseSystemTime")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 3000)
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), writer.pid, 3000)

    def test_every_event_is_recorded_or_counted_under_load(self):
        writers = [self.writer("--threads", 3, "--count", 100000, "--wait", "--hold")
                   for _ in range(2)]
        self.start("P", "-f", "p.etl", "-b", "64", "-max", "8")
        self.wait_for_processes(2)
        for writer in writers:
            writer.go()
        for writer in writers:
            self.assertEqual(writer.written(), 300000)
        done = self.tracelog("-stop", "P", "-um", "-json", code=None)
        final = json.loads(done.stdout)
        self.assertEqual(done.returncode, 3 if final["events_lost"] else 0)
        for process in final["processes"]:
            path = pathlib.Path(process["log_file"])
            self.check_etl(path)
            recorded = sum(map(len, self.numbered(path).values()))
            self.assertEqual(recorded + process["events_lost"], 300000)


PROVIDER = '''
import _ctypes, ctypes, sys, uuid
library = ctypes.CDLL(sys.argv[1])
def register(guid):
    handle = ctypes.c_uint64()
    assert library.etw_register(uuid.UUID(guid).bytes_le, None, None, None, None,
                                ctypes.byref(handle)) == 0
    return handle
handles = [register(guid) for guid in sys.argv[2:]]
descriptor = bytes([7, 0, 0, 0, 4]) + bytes(11)
for command in sys.stdin:
    if command == "write\\n":
        for handle in handles:
            library.etw_write(handle, descriptor, None, None, 0, None)
    elif command == "unload\\n":
        _ctypes.dlclose(library._handle)
    print("done", flush=True)
'''


class PrivateLibrary(PrivateTest):
    """Programs that load the provider library themselves."""

    def setUp(self):
        super().setUp()
        if SANITIZED:
            self.skipTest("an interpreter without the sanitizer cannot load the library")
        self.library = pathlib.Path(os.environ["ETW_BUILD"]) / "lib" / "libetw-provider.so"

    def program(self, *guids):
        process = subprocess.Popen([sys.executable, "-c", PROVIDER, str(self.library), *guids],
                                   env=self.env, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def tell(self, process, command):
        process.stdin.write(command + "\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "done\n")

    def test_a_process_of_two_providers_takes_one_private_session(self):
        program = self.program(WRITER_GUID, OTHER_GUID)
        self.tell(program, "write")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        self.refused(1450, "one at most", "-start", "Q", "-um", "-guid", OTHER_GUID, "-f", "q.etl")
        self.assertFalse(self.log("q.etl").exists())
        self.private("-stop", "P")
        self.tracelog("-start", "Q", "-um", "-guid", OTHER_GUID, "-f", "q.etl")
        self.wait_for_processes(1, "Q")
        self.private("-stop", "Q")

    def test_unloading_the_library_does_not_harm_the_program_or_the_log(self):
        program = self.program(WRITER_GUID)
        self.tell(program, "write")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        for _ in range(10):
            self.tell(program, "write")
        self.tell(program, "unload")
        self.assertGreater(self.private("-flush", "P")["recorded_bytes"], 0)
        program.stdin.close()
        self.assertEqual(program.wait(DEADLINE), 0)
        wait_for(lambda: not self.running(), "the end of the process")
        self.private("-stop", "P")
        checked = self.check_etl(self.log("p.etl"))
        self.assertEqual(checked["records"], 11)  # with the header event
        self.assertEqual(checked["header"]["buffers_written"], checked["buffers"])


class PrivateSurvival(PrivateTest):
    def run_under_fire(self, kill):
        """A session that goes on while its host is killed, and is found again by the next one."""
        writers = [self.writer("--count", 60000, "--rate", 20000, "--wait", "--hold")
                   for _ in range(2)]
        self.start("P", "-f", "p.etl", "-ft", "1", *room(16))
        before = self.wait_for_processes(2)
        for writer in writers:
            writer.go()
        for _ in range(3):
            kill()
            self.assertEqual({p["pid"]: p["log_file"] for p in self.wait_for_processes(2)},
                             {p["pid"]: p["log_file"] for p in before})
        for writer in writers:
            self.assertEqual(writer.written(), 60000)
        kill()
        final = self.private("-stop", "P")
        self.assertEqual((final["events_lost"], final["log_buffers_lost"]), (0, 0))
        self.assertEqual(final["flush_timer_s"], 1)
        for process in final["processes"]:
            self.assert_whole(process["log_file"], process["pid"], 60000)
        self.assertEqual(len(final["processes"]), 2)

    def test_worker_killed_under_load(self):
        self.run_under_fire(lambda: self.kill_hosts([self.worker()]))

    def test_keeper_and_worker_killed_under_load(self):
        self.run_under_fire(self.kill_hosts)

    def test_a_process_that_comes_after_the_hosts_end_joins_the_session_of_the_next(self):
        first = self.writer("--count", 100, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        self.kill_hosts()
        self.wait_for_processes(1)  # the question brings a host
        late = self.writer("--count", 70)
        late.finish()
        first.go()
        self.assertEqual(first.written(), 100)
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), first.pid, 100)
        self.assert_whole(self.log(f"p.etl_{late.pid}"), late.pid, 70)

    def test_without_any_host_a_program_ends_with_a_complete_log(self):
        writer = self.writer("--count", 700, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        self.kill_hosts()
        writer.go()
        self.assertEqual(writer.written(), 700)
        writer.go()
        writer.finish()
        self.assert_whole(self.log("p.etl"), writer.pid, 700)
        self.assertNotEqual(self.header("p.etl")["end"], None)
        final = self.private("-stop", "P")
        self.assertEqual([p["running"] for p in final["processes"]], [False])

    def header(self, name):
        return self.check_etl(self.log(name))["header"]

    def test_stopped_while_a_process_has_no_ear(self):
        writer = self.writer("--count", 400, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 400)
        hang(writer.pid)
        self.private("-stop", "P")
        os.kill(writer.pid, signal.SIGCONT)
        # While the rest is written the file may be in any state.
        wait_for(lambda: len(self.records("p.etl")) == 401 and self.header_written("p.etl"),
                 "the final header")
        self.assert_whole(self.log("p.etl"), writer.pid, 400)

    def header_written(self, name):
        done = subprocess.run([sys.executable, str(ETLCHECK), str(self.log(name))],
                              capture_output=True, text=True)
        return done.returncode == 0 and json.loads(done.stdout)["header"]["buffers_written"]

    def test_killed_provider_leaves_a_log_up_to_its_last_flush(self):
        writer = self.writer("--count", 100, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 100)
        self.private("-flush", "P")
        writer.kill()
        wait_for(lambda: not self.running(), "the host to notice")
        self.assertEqual(dict(self.numbered("p.etl")), {(writer.pid, 0): list(range(100))})
        self.check_etl(self.log("p.etl"), "--strict")
        # Its place in the session is free for the next one.
        again = self.writer("--count", 50)
        again.finish()
        self.private("-stop", "P")
        self.assert_whole(self.log(f"p.etl_{again.pid}"), again.pid, 50)

    def test_killed_under_load_at_any_point(self):
        self.start("P", "-f", "p.etl", "-max", "512")
        for _ in range(8):
            writer = self.writer("--threads", 2, "--count", 0, "--rate", 100000)
            wait_for(lambda: any(p["pid"] == writer.pid and p["buffers_written"] > 2
                                 for p in self.running()), "buffers")
            writer.kill()
        final = self.private("-stop", "P")
        self.assertEqual(len(final["processes"]), 8)
        for process in final["processes"]:
            # Open buffers died with it; what is there ends clean, also in the middle of a write.
            self.run_tool("tracefmt", process["log_file"], "-o", "-", code=0)
            found = self.numbered(process["log_file"])
            self.assertGreater(sum(map(len, found.values())), 0)
            for numbers in found.values():
                self.assertEqual(numbers, sorted(set(numbers)))

    def test_normal_exit_leaves_a_complete_log_and_its_counts(self):
        self.start("P", "-f", "p.etl")
        writer = self.writer("--count", 1234)
        writer.finish()
        status = wait_for(lambda: not self.running() and self.private("-q", "P"), "its end")
        process = status["processes"][0]
        self.assertEqual(process["buffers_written"], self.header("p.etl")["buffers_written"])
        self.assert_whole(self.log("p.etl"), writer.pid, 1234)
        self.private("-stop", "P")

    def test_a_forked_child_is_another_process(self):
        self.start("P", "-f", "p.etl")
        writer = self.writer("--count", 200, "--fork", "--wait")
        # The address sanitizer does not let a child allocate if at the fork another thread did,
        # as one does that is just starting.
        self.wait_for_processes(1)
        writer.go()
        child = int(writer.process.stdout.readline().split()[1])
        self.assertEqual(writer.written(), 200)
        writer.finish()
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), writer.pid, 200)
        self.assert_whole(self.log(f"p.etl_{child}"), child, 200)

    @unittest.skipIf(os.uname().machine not in SYSCALLS, "system call numbers")
    def test_without_restartable_sequences(self):
        writer = Writer(self.env, "--threads", 4, "--count", 2000, "--wait", "--hold",
                        preexec_fn=deny("rseq", error=errno.ENOSYS))
        self.writers.append(writer)
        self.start("P", "-f", "p.etl", "-max", "400")
        self.wait_for_processes(1)
        writer.go()
        self.assertEqual(writer.written(), 8000)
        final = self.private("-stop", "P")
        found = self.numbered("p.etl")
        self.assertEqual(sum(map(len, found.values())) + final["events_lost"], 8000)
        self.check_etl(self.log("p.etl"))


class PrivateFormerLog(PrivateTest):
    """What the session's log held before goes when the process has begun the new one, not earlier."""
    FORMER = b"precious" * 40000

    def setUp(self):
        super().setUp()
        self.log("p.etl").write_bytes(self.FORMER)

    def join_and_die(self, replaced):
        """A process that takes part and ends when it has written this much of its log's header."""
        self.start_host()
        self.start("P", "-f", "p.etl")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as host:
            host.settimeout(DEADLINE)
            host.connect(str(pathlib.Path(self.env["ETW_RUNTIME_DIR"]) / "provider.sock"))
            host.send(struct.pack("<IIII", 1, 16, PROTOCOL, 1))
            host.send(struct.pack("<IIIHH", 4, 32, 1, 0, 0) + uuid.UUID(WRITER_GUID).bytes_le)
            while True:
                packet, fds, _, _ = socket.recv_fds(host, 65536, 4)
                self.assertTrue(packet, "the host has closed the connection")
                if struct.unpack_from("<I", packet)[0] == 13:
                    break
            size = struct.unpack_from("<I", packet, 40)[0]
            header = packet[88:].ljust(size, b"\xff")
            self.assertEqual(len(header), size)
            os.pwrite(fds[0], header[:replaced], 0)
            os.close(fds[0])
        wait_for(lambda: self.private("-q", "P")["processes"] and not self.running(),
                 "the host to notice")

    def test_a_process_that_cannot_begin_it_leaves_it(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        self.start_host()
        writer = Writer(self.env, "--count", 10, "--hold", preexec_fn=limit)
        self.writers.append(writer)
        self.assertEqual(writer.written(), 10)
        self.refused(29, "could write the log", "-start", "P", "-um", "-guid", WRITER_GUID, "-f", "p.etl")
        self.assertEqual(self.log("p.etl").read_bytes(), self.FORMER)
        self.refused(4201, "", "-stop", "P", "-um")

    def test_a_process_that_dies_before_it_has_begun_it_leaves_it_to_the_next(self):
        self.join_and_die(replaced=0)
        self.assertEqual(self.log("p.etl").read_bytes(), self.FORMER)
        writer = self.writer("--count", 50)
        writer.finish()
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), writer.pid, 50)

    def test_one_that_dies_in_the_middle_leaves_a_whole_log_to_the_next(self):
        self.join_and_die(replaced=None)  # not yet cut behind the header
        writer = self.writer("--count", 50)
        writer.finish()
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), writer.pid, 50)

    def test_one_that_dies_in_the_middle_leaves_a_whole_log_to_the_end_of_the_session(self):
        self.join_and_die(replaced=1000)
        self.private("-stop", "P")
        self.check_etl(self.log("p.etl"))
        self.assertNotIn(b"precious", self.log("p.etl").read_bytes())

    def test_a_process_that_cannot_go_on_in_it_goes_on_where_it_was(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, resource.RLIM_INFINITY))
        writer = Writer(self.env, "--count", 100, "--wait", "--hold", preexec_fn=limit)
        self.writers.append(writer)
        self.start("P", "-f", "first.etl")
        self.wait_for_processes(1)
        resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        self.refused(29, "no process could go on", "-update", "P", "-um", "-f", "p.etl")
        resource.prlimit(writer.pid, resource.RLIMIT_FSIZE, (1024 * 1024, resource.RLIM_INFINITY))
        self.assertEqual(self.running()[0]["log_file"], str(self.log("first.etl")))
        writer.go()
        self.assertEqual(writer.written(), 100)
        self.private("-stop", "P")
        self.assert_whole(self.log("first.etl"), writer.pid, 100)
        self.assertEqual(self.log("p.etl").read_bytes(), self.FORMER)


@unittest.skipUnless(is_root(), "needs root to run a program as another user")
class PrivateTwoUsers(PrivateTest):
    def test_processes_of_other_users_write_what_the_owner_of_the_session_opened(self):
        own = self.writer("--count", 300, "--wait", "--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        other = self.writer("--count", 400, "--wait", "--hold", user=NOBODY)
        self.wait_for_processes(2)
        for writer, count in ((own, 300), (other, 400)):
            writer.go()
            self.assertEqual(writer.written(), count)
        self.private("-stop", "P")
        self.assert_whole(self.log("p.etl"), own.pid, 300)
        theirs = self.log(f"p.etl_{other.pid}")
        self.assert_whole(theirs, other.pid, 400)
        self.assertEqual(theirs.stat().st_uid, 0)

    def test_a_link_that_waits_for_a_further_log_is_not_followed(self):
        victim = self.folder / "victim"
        victim.write_text("precious")
        first = self.writer("--hold")
        self.start("P", "-f", "p.etl")
        self.wait_for_processes(1)
        second = subprocess.Popen(["sh", "-c", 'read line; exec "$0" --count 10',
                                   str(BIN / "etw-test-writer")], env=self.env, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.log(f"p.etl_{second.pid}").symlink_to(victim)
        second.communicate("\n")
        self.private("-stop", "P")
        first.go()
        self.assertEqual(victim.read_text(), "precious")


class PrivateSizeLimit(PrivateTest):
    def test_a_file_size_limit_costs_buffers_not_the_program(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, 1024 * 1024))
        self.start("P", "-f", "p.etl", "-max", "8")
        process = subprocess.Popen([str(BIN / "etw-test-writer"), "--count", "60000",
                                    "--rate", "100000"], env=self.env,
                                   preexec_fn=limit, stdout=subprocess.DEVNULL)
        self.assertEqual(process.wait(DEADLINE), 0)
        status = wait_for(lambda: not self.running() and self.private("-q", "P"), "its end")
        self.assertGreater(status["log_buffers_lost"], 0)
        self.check_etl(self.log("p.etl"))
        self.tracelog("-stop", "P", "-um", code=3)


class PrivateFullDisk(SmallDisk, PrivateTest):
    def test_a_full_disk_counts_and_the_session_goes_on_when_there_is_room(self):
        flood = self.writer("--count", 0, "--rate", 5000, "--fill", 400, "--wait", "--until")
        self.start("D", "-f", self.disk / "d.etl", "-max", "16", "-ft", "1")
        self.wait_for_processes(1, "D")
        self.fill()
        flood.go()
        wait_for(lambda: self.private("-q", "D")["log_buffers_lost"], "losses to be counted")
        before = self.private("-q", "D")["buffers_written"]
        self.free()  # it may be full again before anybody looks
        wait_for(lambda: self.private("-q", "D")["buffers_written"] > before, "the log to go on")
        self.private("-stop", "D", code=3)
        self.check_etl(self.disk / "d.etl")

    def test_each_log_counts_what_is_missing_in_it(self):
        # At full speed: what does not fit into the ring is lost, whatever becomes of the buffers.
        flood = self.writer("--count", 0, "--fill", 400, "--wait", "--until", "--hold")
        self.start("D", "-f", self.disk / "d1.etl", "-max", "16", "-ft", "1")
        self.wait_for_processes(1, "D")
        self.fill()
        flood.go()
        wait_for(lambda: self.private("-q", "D")["events_lost"], "losses to be counted")
        flood.go()
        flood.written()
        self.free()
        self.private("-flush", "D")
        self.private("-update", "D", "-f", self.disk / "d2.etl")
        final = self.private("-stop", "D", code=3)
        lost = [json.loads(self.run_tool("tracefmt", self.disk / log, "-summaryonly", "-json", "-o",
                                         "-", code=None).stdout)["events_lost"]
                for log in ("d1.etl", "d2.etl")]
        self.assertEqual(lost, [final["events_lost"], 0])
