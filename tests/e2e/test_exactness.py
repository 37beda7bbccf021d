"""What was written is what is recorded and what is counted as lost: after commands have answered,
on disks that fill up, whoever dies."""
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import BIN, DEADLINE, EndToEnd, NOBODY, PATIENCE_MS, SmallDisk, WRITER_GUID, hang, \
    is_root, wait_for


class AnsweredCommands(EndToEnd):
    def setUp(self):
        super().setUp()
        self.start_host()

    def test_what_is_written_after_a_start_has_answered_is_recorded(self):
        writers = [self.writer("--count", 10, "--wait", "--hold") for _ in range(12)]
        prompt = 0
        for number, writer in enumerate(writers):
            begin = time.monotonic()
            self.tracelog("-start", "S", "-f", f"s{number}.etl", "-guid", WRITER_GUID)
            took = time.monotonic() - begin
            writer.go()
            self.assertEqual(writer.written(), 10)
            self.tracelog("-stop", "S")
            # A start waits 20 ms at most: one that took less has not given up on anybody.
            if took < 0.02:
                prompt += 1
                self.assertEqual(self.numbered(f"s{number}.etl"),
                                 {(writer.pid, 0): list(range(10))})
        if prompt == 0:
            self.skipTest("the machine is too busy: no start has answered within 20 ms")

    def test_what_is_written_after_an_enable_has_answered_is_recorded(self):
        writers = [self.writer("--count", 10, "--wait", "--hold") for _ in range(12)]
        enable = ("-guid", WRITER_GUID, "-timeout", PATIENCE_MS)
        self.tracelog("-start", "S", "-f", "s.etl")
        for writer in writers:
            self.tracelog("-enable", "S", *enable)
            writer.go()
            self.assertEqual(writer.written(), 10)
            self.tracelog("-disable", "S", *enable)
        self.tracelog("-stop", "S")
        self.assertEqual(self.numbered("s.etl"), {(w.pid, 0): list(range(10)) for w in writers})

    def test_a_program_that_hangs_does_not_hold_up_an_enable(self):
        writer = self.writer("--hold", "--wait")
        self.tracelog("-start", "S", "-f", "s.etl")
        hang(writer.pid)
        try:
            self.tracelog("-enable", "S", "-guid", WRITER_GUID)  # else it never ends
        finally:
            os.kill(writer.pid, signal.SIGCONT)
        self.tracelog("-stop", "S")

    def test_level_can_be_changed_while_programs_come_back_to_the_next_host(self):
        writer = self.writer("--hold", "--wait")
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", WRITER_GUID, "-level", "4")
        hang(writer.pid)  # a busy one
        try:
            self.kill_hosts()
            self.tracelog("-enable", "S", "-guid", WRITER_GUID, "-level", "5")
        finally:
            os.kill(writer.pid, signal.SIGCONT)
        self.assertEqual(self.status("S")["providers"][0]["level"], 5)
        self.tracelog("-stop", "S")

    def test_next_files_may_be_read_by_whom_the_first_may(self):
        self.tracelog("-start", "Other", "-f", "other.etl")  # the host has this umask
        self.tracelog("-start", "S", "-f", "s%d.etl", "-newfile", "256", "-kb", "-guid", WRITER_GUID,
                      umask=0o077)
        self.writer("--count", 3000, "--fill", 400, "--rate", 100000).finish()
        self.tracelog("-stop", "S")
        logs = sorted(self.folder.glob("s*.etl"))
        self.assertGreater(len(logs), 2)
        self.assertEqual({oct(log.stat().st_mode & 0o777) for log in logs}, {"0o600"})

    def test_a_flush_takes_the_large_buffers_of_every_cpu(self):
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", WRITER_GUID, "-b", "1024",
                      "-UseSystemTime")
        writers = [self.pinned_writer("--count", 10, "--hold", cpu=cpu)
                   for cpu in os.sched_getaffinity(0)]
        for writer in writers:
            self.assertEqual(writer.written(), 10)
        self.tracelog("-flush", "S")
        self.assertEqual(self.numbered("s.etl"), {(w.pid, 0): list(range(10)) for w in writers})


class FalseHost(EndToEnd):
    def test_of_another_user_is_told_nothing_and_handed_no_log(self):
        if not is_root():
            self.skipTest("needs root to run tools as two users")
        self.runtime.mkdir()
        self.folder.chmod(0o777)
        with socket.socket(socket.AF_UNIX) as host:
            host.bind(str(self.runtime / "control.sock"))
            os.chmod(self.runtime / "control.sock", 0o777)
            os.seteuid(NOBODY)  # whose the kernel says the socket is
            try:
                host.listen()
            finally:
                os.seteuid(0)
            for command in (["-l"], ["-start", "S", "-f", "s.etl"], ["-stop", "S"]):
                self.tracelog(*command, code=1, user=NOBODY - 1)
                connection, _ = host.accept()
                with connection:
                    self.assertEqual(connection.recv(1), b"", command)


class NextHost(EndToEnd):
    def test_takes_the_place_of_one_that_is_still_dying(self):
        """The lock of a killed host is gone only when the last of its memory is."""
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", WRITER_GUID)
        self.kill_hosts()
        (self.runtime / "control.sock").unlink()
        with (self.runtime / "lock").open("r+") as dying:
            fcntl.flock(dying, fcntl.LOCK_EX)
            query = subprocess.Popen([str(BIN / "tracelog"), "-q", "S"], env=self.env, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            wait_for(self.host_pids, "a host to be started")
        out, _ = query.communicate(timeout=DEADLINE)
        self.assertEqual(query.returncode, 0, out)
        self.tracelog("-stop", "S")


class FullDisk(SmallDisk, EndToEnd):
    DISK_SIZE = "6m"
    written = 0

    def write(self, count):
        writer = self.writer("--count", count, "--fill", 400, "--rate", 40000)
        writer.finish()
        self.written += count
        return writer.pid

    def session_on_a_disk_that_fills_up(self, *mode, log="d.etl"):
        self.tracelog("-start", "D", "-f", self.disk / log, "-guid", WRITER_GUID, "-b", "64",
                      "-max", "8", "-ft", "1", *mode)
        for _ in range(2):
            self.write(500)
            self.fill()
            lost = self.status("D")["log_buffers_lost"]
            self.write(15000)
            wait_for(lambda: self.status("D")["log_buffers_lost"] > lost, "lost buffers")
            # Stands still until there is room; Buffers Written begins anew with a next file.
            recorded = self.status("D")["recorded_bytes"]
            self.free()
            self.write(100)
            wait_for(lambda: self.status("D")["recorded_bytes"] > recorded, "the disk to be used")
        return json.loads(self.tracelog("-stop", "D", "-json", code=3).stdout)

    def expect_exact(self, final, *logs):
        recorded = sum(len(s) for s in self.numbered(*logs).values())
        self.assertEqual(recorded + final["events_lost"], self.written)
        for log in logs:
            self.check_etl(log)

    def test_sequential_log(self):
        self.expect_exact(self.session_on_a_disk_that_fills_up(), self.disk / "d.etl")

    def test_newfile_log(self):
        final = self.session_on_a_disk_that_fills_up("-newfile", "1", log="d%d.etl")
        self.expect_exact(final, *sorted(self.disk.glob("d*.etl")))

    def test_session_that_ends_on_a_full_disk(self):
        self.tracelog("-start", "D", "-f", self.disk / "d.etl", "-guid", WRITER_GUID, "-b", "64",
                      "-max", "8")
        self.write(500)
        self.tracelog("-flush", "D")
        self.fill()
        self.write(15000)
        final = json.loads(self.tracelog("-stop", "D", "-json", code=3).stdout)
        self.assertGreater(final["log_buffers_lost"], 0)
        self.assertEqual(sum(len(s) for s in self.numbered(self.disk / "d.etl").values())
                         + final["events_lost"], self.written)

    def test_host_rests_while_the_disk_is_full(self):
        self.tracelog("-start", "D", "-f", self.disk / "d.etl", "-guid", WRITER_GUID, "-b", "64",
                      "-max", "8", "-ft", "1")
        self.fill()
        self.write(5000)
        wait_for(lambda: self.status("D")["log_buffers_lost"] > 0, "lost buffers")

        def used():
            ticks = 0
            for pid in self.host_pids():
                with open(f"/proc/{pid}/stat") as stat:
                    fields = stat.read().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
            return ticks / os.sysconf("SC_CLK_TCK")
        before, begin = used(), time.monotonic()
        wait_for(lambda: time.monotonic() - begin > 2, "two seconds to pass")
        self.assertLess(used() - before, 0.2)
        self.tracelog("-stop", "D", code=3)


if __name__ == "__main__":
    unittest.main()
