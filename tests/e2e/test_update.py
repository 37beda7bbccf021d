"""What may change while a session runs, under load and under fire."""
import contextlib
import json
import os
import pathlib
import random
import select
import signal
import subprocess
import unittest

from harness import BIN, EndToEnd, PATIENCE_MS, WRITER_GUID, hang, room, wait_for


class Update(EndToEnd):
    def setUp(self):
        super().setUp()
        self.start_host()

    def start(self, rate):
        """A session and who writes to it until it is told that it is enough."""
        writer = self.writer("--threads", 2, "--count", 0, "--rate", rate, "--until", "--hold",
                             "--wait")
        self.start_session("-ft", "1")
        writer.go()
        return writer

    def start_session(self, *options):
        self.tracelog("-start", "U", "-f", "u.etl", "-guid", WRITER_GUID, "-b", "64", "-max", "64",
                      "-timeout", PATIENCE_MS, *options)

    def account_for(self, *writers, already=0):
        """Every event is in the log once and in order, or counted as lost."""
        count = already
        for writer in writers:
            writer.go()
            count += writer.written()
        stopped = self.tracelog("-stop", "U", "-json", code=None)
        self.assertIn(stopped.returncode, (0, 3), stopped.stderr)  # 3: some were lost
        final = json.loads(stopped.stdout)
        for writer in writers:
            writer.go()
            writer.finish()
        found = self.numbered("u.etl")
        self.assertEqual(sum(map(len, found.values())) + final["events_lost"], count)
        for sequence in found.values():
            self.assertEqual(sequence, sorted(set(sequence)))
        self.check_etl(self.folder / "u.etl")

    def test_maximum_buffers_change_under_load(self):
        writer = self.start(20000)
        for updates in range(20):  # former rings are kept for a while
            maximum = 100 + updates % 8 * 50
            self.tracelog("-update", "U", "-max", maximum)
            self.assertEqual(self.status("U")["maximum_buffers"], maximum)
        self.account_for(writer)

    def test_host_killed_while_maximum_buffers_change(self):
        writer = self.start(10000)
        for updates in range(1, 13):
            written = self.status("U")["buffers_written"]
            worker = self.worker()
            self.tracelog("-update", "U", "-max", 100 + updates % 8 * 50, code=None)
            if updates % 3 == 0:
                self.kill_hosts([worker])
            wait_for(lambda: self.status("U")["buffers_written"] > written, "the session to go on")
        self.account_for(writer)

    def rings_of(self, pid):
        """The ring files that the process has mapped, by inode."""
        lines = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        return {line.split()[4] for line in lines if "/memfd:" in line}

    def give_other_rings(self, writer):
        """An update that has begun: the writer has other rings than before, and a program that hangs
        keeps the host from draining those. Returns that program and the command."""
        hung = self.writer("--wait")
        hang(hung.pid)
        former = self.rings_of(writer.pid)
        update = subprocess.Popen([BIN / "tracelog", "-update", "U", "-max", "100"], env=self.env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.rings_of(writer.pid) - former, "the writer to have other rings")
        return hung, update

    def test_host_and_keeper_killed_while_maximum_buffers_change(self):
        writer = self.writer("--count", 2000, "--wait", "--hold")
        self.start_session()
        writer.go()
        self.assertEqual(writer.written(), 2000)
        hung, update = self.give_other_rings(writer)
        self.kill_hosts()
        hung.kill()
        update.wait()
        self.assertEqual(self.status("U")["maximum_buffers"], 100)
        wait_for(lambda: json.loads(self.tracelog("-enumguid", "-json").stdout), "the writer")
        final = json.loads(self.tracelog("-stop", "U", "-json").stdout)
        writer.go()
        writer.finish()
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(self.numbered("u.etl"), {(writer.pid, 0): list(range(2000))})
        self.check_etl(self.folder / "u.etl")

    def test_rings_that_a_stopped_program_holds_are_drained_before_newer_ones(self):
        """After a kill of both, what was written earlier comes first, whoever comes back first."""
        writer = self.pinned_writer("--threads", 2, "--count", 0, "--rate", 2000, "--until",
                                    "--wait", "--hold")
        self.start_session()
        writer.go()
        hung, update = self.give_other_rings(writer)
        later = self.pinned_writer("--count", 100, "--hold")  # never had the former ones
        self.assertEqual(later.written(), 100)
        hang(writer.pid)
        self.kill_hosts()
        hung.kill()
        update.wait()
        wait_for(lambda: self.registered() == {later.pid}, "the later writer")
        self.tracelog("-flush", "U")
        os.kill(writer.pid, signal.SIGCONT)
        wait_for(lambda: writer.pid in self.registered(), "the writer")
        later.finish()
        self.account_for(writer, already=100)

    def test_hosts_killed_at_any_instant_of_a_change(self):
        options = ("--count", 0, "--until", "--hold", "--wait")
        writers = [self.writer("--threads", 2, "--rate", 5000, *options),
                   self.pinned_writer("--threads", 2, "--rate", 3000, *options)]
        self.tracelog("-start", "U", "-f", "u.etl", "-guid", WRITER_GUID, "-ft", "1",
                      "-timeout", PATIENCE_MS, *room(16))
        for writer in writers:
            writer.go()
        random.seed(1)
        for updates in range(1, 13):
            maximum = int(room(16)[-1]) + updates % 8 * 50
            written = self.status("U")["buffers_written"]
            update = subprocess.Popen([BIN / "tracelog", "-update", "U", "-max", str(maximum)],
                                      env=self.env, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            select.select([], [], [], random.random() * 0.02)  # the instant, not a wait
            if updates % 3:
                self.kill_hosts()
            else:
                self.kill_hosts([self.worker()])
            update.wait()
            wait_for(lambda: self.status("U")["buffers_written"] > written, "the session to go on")
        self.account_for(*writers)

    def registered(self):
        """Ids of the processes whose writer's provider the host knows."""
        providers = json.loads(self.tracelog("-enumguid", "-json").stdout)
        return {pid for p in providers if p["guid"] == WRITER_GUID for pid in p["pids"]}

    def ring_descriptors(self, pid):
        """How many ring files the process holds, mapped or not."""
        held = 0
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                held += "/memfd:etw-ring" in os.readlink(entry)
        return held

    def release_former_rings(self, kill):
        """Killed while a process still keeps the rings that it had before a change."""
        writer = self.writer("--count", 2000, "--wait", "--hold")
        self.tracelog("-start", "U", "-f", "u.etl", "-guid", WRITER_GUID, "-b", "64", "-max", "64",
                      "-timeout", "60000")
        self.assertEqual(self.ring_descriptors(writer.pid), 1)
        hung = self.writer("--wait")
        hang(hung.pid)
        update = subprocess.Popen([BIN / "tracelog", "-update", "U", "-max", "100"], env=self.env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.ring_descriptors(writer.pid) == 2, "the writer to have other rings")
        kill()
        hung.kill()
        update.wait()
        self.status("U")
        wait_for(lambda: self.ring_descriptors(writer.pid) == 1, "the former rings to be let go")
        writer.go()
        self.assertEqual(writer.written(), 2000)
        final = json.loads(self.tracelog("-stop", "U", "-json").stdout)
        writer.go()
        writer.finish()
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(self.numbered("u.etl"), {(writer.pid, 0): list(range(2000))})

    def test_former_rings_are_let_go_after_the_host_was_killed_twice(self):
        def kill():
            for _ in range(2):
                self.worker(but=[self.kill_worker()])
                self.status("U")

        self.release_former_rings(kill)

    def test_former_rings_are_let_go_after_host_and_keeper_were_killed(self):
        self.release_former_rings(self.kill_hosts)

    def test_after_many_changes_the_newest_rings_survive_the_hosts(self):
        writer = self.writer("--count", 1000, "--wait", "--hold")
        self.start_session()
        for n in range(12):
            self.tracelog("-update", "U", "-max", 100 + n % 2 * 50)
        self.kill_hosts()
        writer.go()
        self.assertEqual(writer.written(), 1000)
        self.status("U")
        wait_for(lambda: json.loads(self.tracelog("-enumguid", "-json").stdout), "the writer")
        final = json.loads(self.tracelog("-stop", "U", "-json").stdout)
        writer.go()
        writer.finish()
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(self.numbered("u.etl"), {(writer.pid, 0): list(range(1000))})


if __name__ == "__main__":
    unittest.main()
