"""Log files of every mode: what they hold, how large they get, and that they can be read at any
instant, whoever is killed. Every file passes our independent checker."""
import json
import os
import shutil
import signal
import subprocess
import sys
import unittest

from harness import ETLCHECK, EndToEnd, PATIENCE_MS, WRITER_GUID, hang, room, wait_for

ROOMY = room(64)
BUFFER_SIZE = 65536  # of such a session
OK, LOSS = 0, 3


def is_run(numbers):
    """Numbers that follow each other without a gap."""
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


class FileModes(EndToEnd):
    def record(self, count, *options, first=0):
        """A session from start to stop; what -stop shows."""
        writer = self.pinned_writer("--wait", "--count", count, "--fill", 400)
        self.start_recording("M", *ROOMY, *options)
        writer.go()
        writer.finish()
        return json.loads(self.tracelog("-stop", "M", "-json").stdout)

    def logs(self, prefix="m"):
        """Of a -newfile session, by number."""
        return sorted(self.folder.glob(f"{prefix}*.etl"),
                      key=lambda path: int(path.stem.removeprefix(prefix) or 0))

    def sequence(self, *logs):
        found = list(self.numbered(*logs).values())
        return found[0] if found else []

    def check_circular(self, log):
        """A wrapped file is not in the order of time, which is all that strictest asks for more."""
        self.check_etl(log, "--strict")

    def size_of(self, log):
        return log.stat().st_size

    # -- every allowed combination ----------------------------------------------------------------

    def test_without_a_limit(self):
        self.record(3000, "-f", "m.etl")
        self.assertEqual(self.sequence("m.etl"), list(range(3000)))
        self.check_etl(self.folder / "m.etl")

    def test_sequential_below_its_limit(self):
        for options in ([], ["-prealloc"], ["-kb"], ["-prealloc", "-kb"]):
            with self.subTest(options):
                size = "8192" if "-kb" in options else "8"
                self.record(3000, "-f", "m.etl", "-seq", size, *options)
                self.assertEqual(self.sequence("m.etl"), list(range(3000)))
                self.assertLess(self.size_of(self.folder / "m.etl"), 8 << 20)
                self.check_etl(self.folder / "m.etl")

    def test_sequential_at_its_limit_ends_the_session(self):
        for options in ([], ["-prealloc"], ["-append"], ["-append", "-prealloc"]):
            with self.subTest(options):
                (self.folder / "m.etl").unlink(missing_ok=True)
                writer = self.pinned_writer("--wait", "--count", 10000, "--fill", 400)
                self.start_recording("M", "-f", "m.etl", "-seq", "1024", "-kb", *ROOMY, *options)
                writer.go()
                wait_for(lambda: self.tracelog("-q", "M", code=None).returncode != 0,
                         "the session to end")
                self.assertIn("4201L", self.tracelog("-stop", "M", code=1).stdout)
                writer.finish()
                numbers = self.sequence("m.etl")
                self.assertEqual(numbers, list(range(len(numbers))))
                self.assertGreater(len(numbers), 1000)
                self.assertLessEqual(self.size_of(self.folder / "m.etl"), 1 << 20)
                self.check_etl(self.folder / "m.etl")

    def test_circular_keeps_the_newest(self):
        for options in ([], ["-prealloc"], ["-kb"], ["-prealloc", "-kb"]):
            with self.subTest(options):
                self.record(10000, "-f", "m.etl", "-cir", "1024" if "-kb" in options else "1",
                            *options)
                numbers = self.sequence("m.etl")
                self.assertTrue(is_run(numbers))
                self.assertEqual(numbers[-1], 9999)
                self.assertGreater(numbers[0], 0)
                self.assertLessEqual(self.size_of(self.folder / "m.etl"), 1 << 20)
                self.check_circular(self.folder / "m.etl")

    def test_circular_that_is_not_full_is_whole(self):
        self.record(500, "-f", "m.etl", "-cir", "1")
        self.assertEqual(self.sequence("m.etl"), list(range(500)))
        self.check_etl(self.folder / "m.etl")

    def test_new_files_hold_all(self):
        for options, size in (([], "1"), (["-kb"], "512")):
            with self.subTest(options):
                self.record(10000, "-f", "m%d.etl", "-newfile", size, *options)
                logs = self.logs()
                self.assertGreater(len(logs), 3)
                self.assertEqual([log.name for log in logs],
                                 [f"m{n + 1}.etl" for n in range(len(logs))])
                limit = 1 << 20 if not options else 512 << 10
                for log in logs:
                    self.assertLessEqual(self.size_of(log), limit)
                    self.assertTrue(is_run(self.sequence(log)), log)
                    self.check_etl(log)
                self.assertEqual(self.sequence(*logs), list(range(10000)))
                for log in logs:
                    log.unlink()

    def test_append_goes_on_in_the_file(self):
        for options in ([], ["-seq", "8"], ["-seq", "8192", "-kb"], ["-seq", "8", "-prealloc"]):
            with self.subTest(options):
                (self.folder / "m.etl").unlink(missing_ok=True)
                for _ in range(3):
                    self.record(500, "-append", "-f", "m.etl", *options)
                found = self.numbered("m.etl")
                self.assertEqual(len(found), 3)
                self.assert_prefixes(found)
                self.assertEqual(sum(map(len, found.values())), 1500)
                self.assertLess(self.size_of(self.folder / "m.etl"), 2 << 20)
                self.check_etl(self.folder / "m.etl")

    def test_append_of_another_kind_of_file_is_refused(self):
        self.record(100, "-append", "-f", "m.etl")
        before = (self.folder / "m.etl").read_bytes()
        for options, remedy in ((["-b", "128"], "give its -b"),
                                (["-UsePerfCounter"], "-UseSystemTime")):
            done = self.tracelog("-start", "M", "-append", "-f", "m.etl", *options, code=1)
            self.assertIn("87L", done.stdout, done.stderr)
            self.assertIn(remedy, done.stderr)
        (self.folder / "text.etl").write_text("no log\n" * 100)
        done = self.tracelog("-start", "M", "-append", "-f", "text.etl", code=1)
        self.assertIn("the file is no log", done.stderr)
        self.record(100, "-f", "ticks.etl")
        done = self.tracelog("-start", "M", "-append", "-f", "ticks.etl", code=1)
        self.assertIn("begin logs to append to with -UseSystemTime", done.stderr)
        self.assertEqual((self.folder / "m.etl").read_bytes(), before)
        self.assertEqual((self.folder / "text.etl").read_text(), "no log\n" * 100)

    def test_preallocated_file_has_its_size_while_it_is_written(self):
        for mode in ("-seq", "-cir"):
            with self.subTest(mode):
                done = self.tracelog("-start", "M", "-f", "m.etl", mode, "16", "-prealloc")
                self.assert_line(done.stdout, "Buffers Written:", "1")
                self.assert_line(done.stdout, "Log File Size:", "16384 Kb")
                log = self.folder / "m.etl"
                self.assertEqual(self.size_of(log), 16 << 20)
                self.assertGreaterEqual(log.stat().st_blocks * 512, 16 << 20)
                self.tracelog("-stop", "M")
                self.assertLess(self.size_of(log), 1 << 20)

    # -- what each log says of what was lost ------------------------------------------------------

    def lost_in(self, *logs):
        """As tracefmt adds it up."""
        done = self.run_tool("tracefmt", *logs, "-summaryonly", "-json", "-o", "-", code=None)
        return json.loads(done.stdout)["events_lost"]

    def lose_some(self):
        """Writes more than the session has room for while its host hangs; how many were lost."""
        worker, before = self.worker(), self.status("M")["events_lost"]
        writer = self.pinned_writer("--wait", "--hold", "--count", 5000, "--fill", 400)
        self.tracelog("-enable", "M", "-guid", WRITER_GUID, "-timeout", PATIENCE_MS)
        hang(worker)
        writer.go()
        writer.written()
        os.kill(worker, signal.SIGCONT)
        writer.go()
        writer.finish()
        lost = self.status("M")["events_lost"] - before
        self.assertGreater(lost, 0)
        return lost

    def stop(self):
        return json.loads(self.tracelog("-stop", "M", "-json", code=None).stdout)

    def test_append_adds_to_what_was_lost_before(self):
        lost = 0
        for loses in (True, False, True):
            self.tracelog("-start", "M", "-append", "-f", "m.etl", "-guid", WRITER_GUID, "-b", "16",
                          "-max", "8")
            if loses:
                lost += self.lose_some()
                self.kill_worker()  # the next one knows of it, too
            self.stop()
            self.assertEqual(self.lost_in("m.etl"), lost)

    def test_new_files_have_each_its_own(self):
        self.tracelog("-start", "M", "-f", "m%d.etl", "-newfile", "64", "-guid", WRITER_GUID, "-b",
                      "16", "-max", "8")
        lost = [self.lose_some()]
        self.tracelog("-incrementfile", "M")
        self.tracelog("-incrementfile", "M")
        lost += [0, self.lose_some()]
        self.kill_worker()
        self.assertEqual(self.stop()["events_lost"], sum(lost))
        self.assertEqual([self.lost_in(log) for log in self.logs()], lost)
        self.assertEqual(self.lost_in(*self.logs()), sum(lost))

    def test_a_log_by_update_has_its_own(self):
        self.tracelog("-start", "M", "-f", "m1.etl", "-guid", WRITER_GUID, "-b", "16", "-max", "8")
        lost = [self.lose_some()]
        self.tracelog("-update", "M", "-f", "m2.etl")
        lost.append(self.lose_some())
        self.assertEqual(self.stop()["events_lost"], sum(lost))
        self.assertEqual([self.lost_in(log) for log in self.logs()], lost)

    # -- the next file, now -----------------------------------------------------------------------

    def test_incrementfile_begins_the_next_file(self):
        writer = self.pinned_writer("--wait", "--count", 0, "--rate", 5000, "--until")
        self.start_recording("M", "-f", "m%d.etl", "-newfile", "64", *ROOMY)
        writer.go()
        for number in range(2, 6):
            before = self.status("M")["recorded_bytes"]
            wait_for(lambda: self.recorded() > before, "events")
            out = self.tracelog("-incrementfile", "M").stdout
            self.assertIn("Operation Status:       0L", out)
            self.assertTrue((self.folder / f"m{number}.etl").exists())
            self.check_etl(self.folder / f"m{number - 1}.etl")
        writer.go()
        written = writer.written()
        writer.finish()
        final = json.loads(self.tracelog("-stop", "M", "-json").stdout)
        self.assertEqual(final["events_lost"], 0)
        logs = self.logs()
        self.assertEqual(len(logs), 5)
        for log in logs:
            self.check_etl(log)
        self.assertEqual(self.sequence(*logs), list(range(written)))

    def recorded(self):
        self.tracelog("-flush", "M")
        return self.status("M")["recorded_bytes"]

    def test_incrementfile_needs_a_newfile_session(self):
        self.tracelog("-start", "M", "-f", "m.etl", "-cir", "1")
        done = self.tracelog("-incrementfile", "M", code=1)
        self.assertIn("Operation Status:       87L", done.stdout)
        self.assertIn("-newfile", done.stderr)
        done = self.tracelog("-incrementfile", "Absent", code=1)
        self.assertIn("Operation Status:       4201L", done.stdout)

    def test_incrementfile_where_the_next_file_cannot_be_made(self):
        writer = self.pinned_writer("--wait", "--count", 100)
        self.start_recording("M", "-f", "m%d.etl", "-newfile", "1")
        (self.folder / "m2.etl").mkdir()
        done = self.tracelog("-incrementfile", "M", code=1)
        self.assertIn("m1.etl", done.stderr)
        writer.finish()
        self.tracelog("-stop", "M")
        self.assertEqual(self.sequence("m1.etl"), list(range(100)))

    # -- whoever is killed ------------------------------------------------------------------------

    def assert_readable(self, logs):
        """Our reader and the independent one read it as it is, and what they find has no gap."""
        for log in logs:
            if len(logs) > 1 and log == logs[-1] and self.size_of(log) == 0:
                continue  # killed between making the next file and its first buffer
            done = self.run_tool("tracefmt", log, "-displayonly", "-nosummary", "-json", code=None)
            self.assertIn(done.returncode, (OK, LOSS), done.stderr)
            numbers = self.sequence(log)
            self.assertTrue(not numbers or is_run(numbers), f"{log}: {numbers[:3]}...")
            if ETLCHECK.exists():
                # A kill may cut the write of the last buffer short; the next host writes it again.
                whole = self.folder / "whole"
                shutil.copyfile(log, whole)
                os.truncate(whole, self.size_of(whole) // BUFFER_SIZE * BUFFER_SIZE)
                done = subprocess.run([sys.executable, str(ETLCHECK), str(whole)],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout[-2000:])
                self.assertEqual(json.loads(done.stdout)["violations"], {}, log)

    def killed_again_and_again(self, *options):
        """Under load, the host is killed and the file read before anybody starts another."""
        writer = self.pinned_writer("--wait", "--count", 0, "--rate", 2000, "--fill", 200,
                                    "--until")
        self.start_recording("M", *ROOMY, *options)
        writer.go()
        for _ in range(4):
            before = self.status("M")["recorded_bytes"]
            wait_for(lambda: self.status("M")["recorded_bytes"] > before + 400_000, "buffers")
            self.kill_hosts()
            self.assert_readable(self.logs()[-3:])  # the others are finished; checked at the end
        # With nobody left, the buffers of a program go with it: not before a host has them again.
        before = self.status("M")["recorded_bytes"]
        wait_for(lambda: self.status("M")["recorded_bytes"] > before, "the host to go on")
        writer.go()
        written = writer.written()
        writer.finish()
        final = json.loads(self.tracelog("-stop", "M", "-json").stdout)
        self.assertEqual(final["events_lost"], 0)
        for log in self.logs():
            self.check_circular(log) if "-cir" in options else self.check_etl(log)
        return written

    def test_circular_log_of_a_killed_host(self):
        for options in ([], ["-prealloc"]):
            with self.subTest(options):
                written = self.killed_again_and_again("-f", "m.etl", "-cir", "1", *options)
                numbers = self.sequence("m.etl")
                self.assertTrue(is_run(numbers))
                self.assertEqual(numbers[-1], written - 1)
                self.assertLessEqual(self.size_of(self.folder / "m.etl"), 1 << 20)

    def test_new_files_of_a_killed_host(self):
        written = self.killed_again_and_again("-f", "m%d.etl", "-newfile", "256", "-kb")
        self.assertEqual(self.sequence(*self.logs()), list(range(written)))
        self.assertGreater(len(self.logs()), 4)

    def test_sequential_logs_of_a_killed_host(self):
        for options in ([], ["-seq", "64", "-prealloc"], ["-append"]):
            with self.subTest(options):
                (self.folder / "m.etl").unlink(missing_ok=True)
                written = self.killed_again_and_again("-f", "m.etl", *options)
                self.assertEqual(self.sequence("m.etl"), list(range(written)))

    def test_incrementfile_after_the_host_was_killed(self):
        self.tracelog("-start", "M", "-f", "m%d.etl", "-newfile", "1")
        self.tracelog("-incrementfile", "M")
        self.kill_hosts()
        self.tracelog("-incrementfile", "M")
        self.tracelog("-stop", "M")
        self.assertEqual([log.name for log in self.logs()], ["m1.etl", "m2.etl", "m3.etl"])
        for log in self.logs():
            self.check_etl(log)

    # -- at any instant ---------------------------------------------------------------------------

    def test_circular_log_is_readable_at_any_instant(self):
        writer = self.pinned_writer("--wait", "--count", 0, "--rate", 5000, "--fill", 400,
                                    "--until")
        self.start_recording("M", "-f", "m.etl", "-cir", "512", "-kb", "-b", "16", "-max",
                             2048 * os.sysconf("SC_NPROCESSORS_CONF"))
        writer.go()
        wait_for(lambda: self.status("M")["buffers_written"] > 100, "the log to wrap")
        last = -1
        for n in range(10):
            written = self.status("M")["buffers_written"]
            wait_for(lambda: self.status("M")["buffers_written"] > written, "the log to go on")
            # A copy, so that both readers see the same instant.
            copy = self.folder / f"copy{n}.etl"
            subprocess.run(["cp", str(self.folder / "m.etl"), str(copy)], check=True)
            done = self.run_tool("tracefmt", copy, "-displayonly", "-nosummary", "-json", code=None)
            self.assertIn(done.returncode, (OK, LOSS), done.stderr)
            numbers = self.sequence(copy)
            self.assertGreater(len(numbers), 100)
            # While it is copied the oldest may give way; the rest follows in order.
            self.assertEqual(numbers, sorted(set(numbers)))
            self.assertGreater(numbers[-1], last)
            last = numbers[-1]
        writer.go()
        writer.written()
        writer.finish()
        self.tracelog("-stop", "M")
        self.check_circular(self.folder / "m.etl")


if __name__ == "__main__":
    unittest.main()
