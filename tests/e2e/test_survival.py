"""What must survive what: killed providers, tools and hosts, full disks, hostile and foreign users."""
import contextlib
import ctypes
import fcntl
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import unittest
import uuid

from harness import BIN, DEADLINE, EndToEnd, NOBODY, OTHER_GUID, PATIENCE_MS, SmallDisk, WRITER_GUID, \
    Writer, hang, is_root, room, wait_for


class KilledProvider(EndToEnd):
    def test_killed_at_any_instruction_loses_nothing_that_was_committed(self):
        self.tracelog("-start", "K", "-f", "k.etl", "-guid", WRITER_GUID, *room(32))
        seen = []
        for _ in range(20):
            self.tracelog("-flush", "K")  # nothing is left that another one wrote
            written = self.status("K")["buffers_written"]
            writer = self.writer("--threads", 2, "--count", 0, "--rate", 20000)
            seen.append(writer.pid)
            wait_for(lambda: self.status("K")["buffers_written"] > written, "a buffer")
            writer.kill()
        status = json.loads(self.tracelog("-stop", "K", "-json").stdout)
        self.assertEqual(status["events_lost"], 0)
        found = self.numbered("k.etl")
        self.assertEqual({pid for pid, _ in found}, set(seen))
        self.assert_prefixes(found)
        self.check_etl(self.folder / "k.etl")

    def test_stopped_provider_does_not_hold_up_the_session(self):
        writer = self.writer("--count", 100, "--hold", "--wait")
        self.start_recording("K", "-f", "k.etl")
        writer.go()
        self.assertEqual(writer.written(), 100)
        hang(writer.pid)
        self.tracelog("-stop", "K")
        os.kill(writer.pid, signal.SIGCONT)
        self.assertEqual([len(s) for s in self.numbered("k.etl").values()], [100])


class KilledTool(EndToEnd):
    def test_tracelog_killed_at_any_point_of_any_command(self):
        """Whatever the point, the session is there whole or not at all, and can be used."""
        self.tracelog("-start", "Other", "-f", "other.etl")  # the host is up
        commands = (["-start", "K", "-f", "k.etl", "-guid", WRITER_GUID],
                    ["-enable", "K", "-guid", WRITER_GUID, "-level", "3"],
                    ["-update", "K", "-ft", "7"], ["-flush", "K"], ["-q", "K"],
                    ["-disable", "K", "-guid", WRITER_GUID], ["-stop", "K"])
        random.seed(1)
        for command in commands:
            for syscall in self.kill_points():
                tool = subprocess.Popen([str(BIN / "tracelog"), *command], env=self.env,
                                        cwd=self.folder, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=trace_me)
                run_until_syscall(tool.pid, syscall)
                tool.kill()
                tool.wait()
            self.assertIn("Other", self.sessions())
            self.tracelog(*command, code=None)  # the same again by hand
        self.assertEqual(self.sessions(), ["Other"])
        self.tracelog("-stop", "Other")
        self.check_etl(self.folder / "other.etl")

    def kill_points(self):
        """Numbers of the system calls to die before: all of a short command are too many to try."""
        return sorted(random.sample(range(20, 400), 12))


PTRACE_TRACEME, PTRACE_SYSCALL = 0, 24


def trace_me():
    ctypes.CDLL(None).ptrace(PTRACE_TRACEME, 0, 0, 0)


def run_until_syscall(pid, count):
    """Lets a traced child run until it enters its count-th system call, or ends."""
    libc = ctypes.CDLL(None)
    for _ in range(count * 2):
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return
        libc.ptrace(PTRACE_SYSCALL, pid, 0, 0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


class KilledHost(EndToEnd):
    def run_under_fire(self, kill):
        writer = self.writer("--threads", 2, "--count", 0, "--rate", 20000, "--until", "--hold",
                             "--wait")
        self.start_recording("K", "-f", "k.etl", "-level", "5", "-ft", "1", *room(64))
        before = self.status("K")
        writer.go()
        for _ in range(4):
            written = self.status("K")["buffers_written"]
            kill()
            wait_for(lambda: self.status("K")["buffers_written"] > written,
                     "the next host to write")
        writer.go()
        count = writer.written()
        after = self.status("K")
        for name in ("providers", "log_file", "flush_timer_s", "buffer_size_kb", "guid"):
            self.assertEqual(after[name], before[name], name)
        final = json.loads(self.tracelog("-stop", "K", "-json").stdout)
        writer.go()
        writer.finish()
        found = self.numbered("k.etl")
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(sum(map(len, found.values())), count)
        self.assert_prefixes(found)
        self.check_etl(self.folder / "k.etl")

    def test_worker_killed_under_load(self):
        def kill():
            former = self.worker()
            self.kill_hosts([former])
            self.worker(but=[former])
        self.run_under_fire(kill)

    def test_keeper_and_worker_killed_under_load(self):
        self.run_under_fire(self.kill_hosts)

    def test_a_stop_after_keeper_and_worker_were_killed_has_all_events(self):
        """Also those of programs that have not come back yet, and of one that cannot."""
        self.start_host()
        writers = [self.writer("--count", 3000, "--hold", "--wait") for _ in range(3)]
        self.tracelog("-start", "K", "-f", "k.etl", "-guid", WRITER_GUID, "-timeout", PATIENCE_MS)
        for writer in writers:
            writer.go()
            self.assertEqual(writer.written(), 3000)
        hang(writers[0].pid)
        self.kill_hosts()
        final = json.loads(self.tracelog("-stop", "K", "-json").stdout)
        os.kill(writers[0].pid, signal.SIGCONT)
        for writer in writers:
            writer.go()
            writer.finish()
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(dict(self.numbered("k.etl")),
                         {(writer.pid, 0): list(range(3000)) for writer in writers})
        self.check_etl(self.folder / "k.etl")

    def test_the_log_is_named_by_a_link(self):
        (self.folder / "real").mkdir()
        (self.folder / "k.etl").symlink_to("real/k.etl")
        self.run_under_fire(self.kill_hosts)

    def test_programs_that_end_while_no_host_lives_leave_their_events(self):
        writers = [self.writer("--count", 3000, "--hold", "--wait") for _ in range(2)]
        session = ("K", "-guid", WRITER_GUID, "-timeout", PATIENCE_MS)
        self.tracelog("-start", *session, "-f", "k.etl")
        wait_for(lambda: [len(p["pids"]) for p in
                          json.loads(self.tracelog("-enumguid", "-json").stdout)] == [2], "both")
        self.tracelog("-enable", *session)
        writers[0].go()
        self.assertEqual(writers[0].written(), 3000)
        self.tracelog("-flush", "K")
        self.kill_hosts()
        writers[1].go()
        self.assertEqual(writers[1].written(), 3000)
        for writer in writers:
            writer.go()
            writer.finish()
        final = json.loads(self.tracelog("-stop", "K", "-json").stdout)
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(dict(self.numbered("k.etl")),
                         {(writer.pid, 0): list(range(3000)) for writer in writers})
        self.check_etl(self.folder / "k.etl")

    def test_a_program_that_may_write_no_file_ends_as_it_would(self):
        def no_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        self.tracelog("-start", "K", "-f", "k.etl", "-guid", WRITER_GUID)
        writer = Writer(self.env, "--count", 3000, "--hold", preexec_fn=no_files)
        self.writers.append(writer)
        writer.written()
        self.kill_hosts()
        writer.go()
        writer.finish()
        self.assertEqual([p.name for p in (self.runtime / "sessions" / "0").glob("*-*")], [])


class FullDisk(SmallDisk, EndToEnd):
    def test_buffers_are_counted_and_the_session_goes_on(self):
        self.tracelog("-start", "D", "-f", self.disk / "d.etl", "-guid", WRITER_GUID, "-b", "64",
                      "-max", "16", "-ft", "1")
        self.fill()
        flood = self.writer("--count", 20000, "--fill", 400)
        flood.finish()
        wait_for(lambda: self.status("D")["log_buffers_lost"] + self.status("D")["events_lost"] > 0,
                 "losses to be counted")
        self.free()
        self.tracelog("-flush", "D")  # until then the rings may be as full as the disk was
        later = self.writer("--count", 100)
        later.finish()
        final = json.loads(self.tracelog("-stop", "D", "-json", code=3).stdout)
        self.assertGreater(final["log_buffers_lost"] + final["events_lost"], 0)
        found = self.numbered(self.disk / "d.etl")
        self.assertEqual(found[later.pid, 0], list(range(100)))
        self.check_etl(self.disk / "d.etl")


@unittest.skipUnless(is_root(), "needs root to run a program as another user")
class TwoUsers(EndToEnd):
    def test_one_log_holds_both_in_time_order(self):
        self.tracelog("-start", "U", "-f", "u.etl", "-guid", WRITER_GUID, *room(16))
        writers = [self.writer("--threads", 2, "--count", 20000, "--rate", 50000, "--wait"),
                   self.writer("--threads", 2, "--count", 20000, "--rate", 50000, "--wait",
                               user=NOBODY)]
        for writer in writers:
            writer.go()
        for writer in writers:
            writer.finish()
        final = json.loads(self.tracelog("-stop", "U", "-json").stdout)
        self.assertEqual(final["events_lost"], 0)
        found = self.numbered("u.etl")
        self.assertEqual(sorted((key, len(s)) for key, s in found.items()),
                         sorted(((w.pid, t), 20000) for w in writers for t in (0, 1)))
        self.assert_prefixes(found)
        self.check_etl(self.folder / "u.etl")

    def test_another_user_may_register_but_not_control(self):
        self.tracelog("-start", "U", "-f", "u.etl")
        done = subprocess.run([str(BIN / "tracelog"), "-stop", "U"], env=self.env, user=NOBODY,
                              text=True, capture_output=True, cwd="/")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Access is denied", done.stdout + done.stderr)
        self.status("U")


class HostileProvider(EndToEnd):
    def attack(self, seconds=2, user=None):
        done = subprocess.run([str(BIN / "etw-test-hostile"), str(seconds)], env=self.env, user=user,
                              text=True, capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("shrunk", done.stdout)
        self.assertNotIn("grown", done.stdout)
        self.assertNotIn("attacked 0 rings", done.stdout)

    def test_host_outlives_it_and_the_log_can_be_read(self):
        self.tracelog("-start", "H", "-f", "h.etl", "-guid", WRITER_GUID, "-ft", "1")
        hosts = self.host_pids()
        self.attack()
        self.assertEqual(self.host_pids(), hosts)
        self.tracelog("-stop", "H", code=None)
        self.records("h.etl")
        self.tracelog("-start", "After", "-f", "after.etl", "-guid", WRITER_GUID)
        writer = self.writer("--count", 100)
        writer.finish()
        self.tracelog("-stop", "After")
        self.assertEqual(self.numbered("after.etl"), {(writer.pid, 0): list(range(100))})

    def test_other_users_lose_nothing(self):
        if not is_root():
            self.skipTest("needs root to run a program as another user")
        self.tracelog("-start", "H", "-f", "h.etl", "-guid", WRITER_GUID, "-ft", "1", *room(16))
        writer = self.writer("--threads", 2, "--count", 30000, "--rate", 15000, "--wait")
        writer.go()
        self.attack(user=NOBODY)
        writer.finish()
        self.tracelog("-stop", "H", code=None)
        found = self.numbered_of(writer.pid, "h.etl")
        self.assertEqual({thread: len(s) for thread, s in found.items()}, {0: 30000, 1: 30000})
        for thread, sequence in found.items():
            # Times that the other one made up may move these by as much as the drain is behind.
            self.assertEqual(sorted(sequence), list(range(30000)), f"thread {thread}")

    # What a program and the host say to each other: lib/wire/provider_protocol.h.
    PROTOCOL, HELLO, RINGS, REGISTER, ATTACH = 4, 1, 3, 4, 7

    def packet(self, kind, body):
        return struct.pack("=II", kind, 8 + len(body)) + body

    def register(self, number, guid):
        return self.packet(self.REGISTER, struct.pack("=IHH", number, 0, 0) + uuid.UUID(guid).bytes_le)

    def test_rings_that_it_made_up_take_no_memory(self):
        """One set for each user is had for the asking; what is handed back beside it has its own."""
        self.tracelog("-start", "H", "-f", "h.etl", "-guid", WRITER_GUID)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as program:
            program.connect(str(self.runtime / "provider.sock"))
            program.send(self.packet(self.HELLO, struct.pack("=II", self.PROTOCOL, 0)))
            program.send(self.register(1, WRITER_GUID))
            attach = b""
            while attach[:4] != struct.pack("=I", self.ATTACH):
                attach, fds, _, _ = socket.recv_fds(program, 4096, 4)
            size = os.fstat(fds[0]).st_size
            made_up = [os.memfd_create("made-up", os.MFD_ALLOW_SEALING) for _ in range(6)]
            for memory in made_up:
                os.truncate(memory, size)
                fcntl.fcntl(memory, fcntl.F_ADD_SEALS,
                            fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
                socket.send_fds(program, [self.packet(self.RINGS, attach[8:40])], [memory])
            program.send(self.register(2, OTHER_GUID))  # known when all of that has been read
            wait_for(lambda: OTHER_GUID in self.tracelog("-enumguid").stdout, "the last packet")
            self.assertEqual([os.fstat(memory).st_blocks for memory in made_up], [0] * 6)
            for fd in fds + made_up:
                os.close(fd)

    def test_connections_kept_for_nothing_keep_no_controller_out(self):
        self.tracelog("-start", "H", "-f", "h.etl")
        with contextlib.ExitStack() as kept:
            for _ in range(400):
                controller = kept.enter_context(socket.socket(socket.AF_UNIX))
                controller.connect(str(self.runtime / "control.sock"))
            self.assertEqual(self.status("H")["name"], "H")

    def numbered_of(self, pid, log):
        """Only the honest writer's events: the other's records may say anything."""
        found = {}
        for record in self.records(log):
            if record.get("event") == "Numbered" and record.get("pid") == pid and \
                    set(record["fields"]["fill"]) <= {"a", "b"} and len(record["fields"]["fill"]) > 1:
                found.setdefault(record["fields"]["thread"], []).append(record["fields"]["sequence"])
        return found


if __name__ == "__main__":
    unittest.main()
