"""Buffered sessions: memory only, the newest events, saved as often as one likes."""
import json
import os
import subprocess
import time
import unittest

from harness import BIN, EndToEnd, NOBODY, SmallDisk, WRITER_GUID, is_root, wait_for

CPUS = sorted(os.sched_getaffinity(0))


class BufferedTest(EndToEnd):
    def start(self, *options, name="B"):
        return self.tracelog("-start", name, "-buffering", "-guid", WRITER_GUID, "-level", "5",
                             *options)

    def save(self, file, name="B"):
        self.tracelog("-flush", name, "-f", file)
        return self.numbered(file)

    def assert_suffixes(self, found, last=None):
        """What is there of each writer has no gap and, where it has ended, ends with its last."""
        for key, sequence in found.items():
            self.assertEqual(sequence, list(range(sequence[0], sequence[0] + len(sequence))),
                             f"writer {key}")
            if last is not None:
                self.assertEqual(sequence[-1], last, f"writer {key}")

    def write_all(self, *args):
        writer = self.pinned_writer(*args)
        writer.finish()
        return writer


class Buffered(BufferedTest):
    def test_T23_flush_with_a_file_saves_a_snapshot(self):
        self.start(name="WiFiDriver")
        self.write_all("--count", 300)
        done = self.tracelog("-flush", "WiFiDriver", "-f", "file.etl")
        self.assertIn("The operation completed successfully.", done.stdout)
        self.assertIn("Logger Name:            WiFiDriver", done.stdout)
        self.assertIn("Log Mode:               Buffering-only", done.stdout)
        self.assertEqual([len(s) for s in self.numbered("file.etl").values()], [300])
        self.check_etl(self.folder / "file.etl")

    def test_excludes_files_and_real_time_at_start(self):
        for options in (["-f", "x.etl"], ["-f"], ["-rt"], ["-seq", "4"], ["-cir", "4"],
                        ["-newfile", "4", "-f", "x%d.etl"], ["-append", "-f", "x.etl"],
                        ["-prealloc", "-seq", "4"], ["-kb"]):
            done = self.tracelog("-start", "B", "-buffering", *options, code=1)
            self.assertIn("87L", done.stdout, options)
        self.assertEqual(sorted(self.folder.glob("*.etl")), [])
        self.assertEqual(self.sessions(), [])

    def test_reuses_the_oldest_buffers_and_counts_nothing_as_lost(self):
        self.start("-b", "16", "-min", 8 * len(CPUS), "-max", "500")
        self.write_all("--count", 50000)
        status = self.status("B")
        self.assertEqual(status["minimum_buffers"], 8 * len(CPUS))
        self.assertEqual(status["log_file"], "")
        self.assertEqual((status["events_lost"], status["log_buffers_lost"]), (0, 0))
        found = self.save("s.etl")
        self.assert_suffixes(found, last=49999)
        report = self.check_etl(self.folder / "s.etl")
        self.assertEqual((report["header"]["events_lost"], report["buffers_lost"]), (0, 0))
        # All buffers of one processor but the part of the newest that is not yet written.
        self.assertGreaterEqual(report["buffers"] - 1, 8 - 1 + 1)
        self.assertLessEqual(report["buffers"] - 1, 8 + 1)
        final = json.loads(self.tracelog("-stop", "B", "-json").stdout)
        self.assertEqual(final["events_lost"], 0)

    def test_max_and_flush_timer_have_no_effect_and_a_note_says_so(self):
        notes = self.start("-min", "8", "-max", "512", "-ft", "3").stderr
        self.assertIn("-max has no effect", notes)
        self.assertIn("-ft has no effect", notes)
        buffers = self.status("B")["number_of_buffers"]
        self.assertLess(buffers, 8 + 2 * os.cpu_count() + 1)
        self.assertIn("-max has no effect", self.tracelog("-update", "B", "-max", "512").stderr)
        self.assertEqual(self.status("B")["number_of_buffers"], buffers)

    def test_keeps_what_programs_wrote_that_have_ended(self):
        self.start()
        self.write_all("--count", 100)
        end = time.monotonic() + 7  # longer than the rings of an ended user live in other sessions

        def outlived():
            self.assertGreater(self.status("B")["number_of_buffers"], 0)
            return time.monotonic() > end
        wait_for(outlived, "the time that rings are kept")
        self.assertEqual([len(s) for s in self.save("s.etl").values()], [100])

    def test_saves_as_often_as_one_likes(self):
        self.start("-min", "64")
        for n in range(1, 4):
            self.write_all("--count", 100)
            found = self.save("s.etl")  # the same file again
            self.assertEqual([len(s) for s in found.values()], [100] * n)
            self.check_etl(self.folder / "s.etl")

    def test_is_empty_before_anything_was_written(self):
        self.start()
        self.tracelog("-flush", "B", "-f", "s.etl")
        self.assertEqual(self.records("s.etl"), [r for r in self.records("s.etl")
                                                 if r.get("event") != "Numbered"])
        self.check_etl(self.folder / "s.etl")

    def test_flush_without_a_file_says_what_is_missing(self):
        self.start()
        self.assertIn("tracelog -flush B -f FILE", self.tracelog("-flush", "B").stderr)

    def test_stop_says_what_went_with_it(self):
        self.start()
        self.write_all("--count", 10)
        self.assertIn("before -stop saves it", self.tracelog("-stop", "B").stderr)
        self.assertEqual(sorted(self.folder.glob("*.etl")), [])

    def test_file_of_a_flush_is_ignored_by_other_sessions(self):
        self.tracelog("-start", "F", "-f", "f.etl", "-guid", WRITER_GUID)
        self.assertIn("-f has no effect", self.tracelog("-flush", "F", "-f", "s.etl").stderr)
        self.assertFalse((self.folder / "s.etl").exists())

    def test_update_gives_it_no_file(self):
        self.start()
        self.assertIn("87L", self.tracelog("-update", "B", "-f", "x.etl", code=1).stdout)
        self.assertIn("87L", self.tracelog("-update", "B", "-rt", code=1).stdout)
        self.assertFalse((self.folder / "x.etl").exists())
        self.write_all("--count", 10)
        self.assertEqual([len(s) for s in self.save("s.etl").values()], [10])

    def test_leaves_nothing_behind_when_it_is_refused(self):
        self.start()
        self.tracelog("-start", "F", "-f", "f.etl", "-guid", WRITER_GUID)
        self.write_all("--count", 10)
        self.tracelog("-flush", "F")
        self.assertIn("161L", self.tracelog("-flush", "B", "-f", "f.etl", code=1).stdout)
        self.assertEqual([len(s) for s in self.numbered("f.etl").values()], [10])
        self.tracelog("-flush", "B", "-f", "nowhere/s.etl", code=1)
        self.tracelog("-flush", "Nobody", "-f", "s.etl", code=1)
        self.assertEqual([p.name for p in self.folder.glob("**/*.etl")], ["f.etl"])

    def test_system_time_and_low_capacity(self):
        for option in ("-UseSystemTime", "-UseCPUCycle", "-lowcapacity"):
            name = option[1:]
            self.start(option, name=name)
            self.write_all("--count", 200)
            # What goes by socket arrives when the host has read it, or is counted as lost.
            def all_there():
                found = self.save(f"{name}.etl", name=name)
                lost = self.status(name)["events_lost"]
                self.assertTrue(lost == 0 or option == "-lowcapacity")
                return sum(len(s) for s in found.values()) + lost == 200
            wait_for(all_there, f"all events of a session with {option}")
            self.check_etl(self.folder / f"{name}.etl")

    @unittest.skipUnless(is_root(), "needs root to run a program as another user")
    def test_two_users_on_one_processor_are_merged_by_time(self):
        self.start("-b", "16", "-min", "64")
        writers = [self.pinned_writer("--count", 2000, "--rate", 20000, "--wait", user=user)
                   for user in (None, NOBODY)]
        for writer in writers:
            writer.go()
        for writer in writers:
            writer.finish()
        self.tracelog("-flush", "B", "-f", "s.etl")
        found = self.numbered("s.etl")
        self.assertEqual({pid for pid, _ in found}, {w.pid for w in writers})
        self.assert_suffixes(found, last=1999)
        self.check_etl(self.folder / "s.etl")


class UnderLoad(BufferedTest):
    def test_every_snapshot_holds_the_newest_of_each_writer_without_a_gap(self):
        self.start("-b", "64", "-min", 16 * len(CPUS))
        writers = [self.pinned_writer("--count", 0, "--fill", 40, cpu=cpu) for cpu in CPUS]
        newest = {}
        for n in range(12):
            found = self.save("s.etl")
            self.assert_suffixes(found)
            for key, sequence in found.items():
                self.assertGreaterEqual(sequence[-1], newest.get(key, 0), "went back")
                newest[key] = sequence[-1]
            if n % 4 == 0:
                self.check_etl(self.folder / "s.etl")
            (self.folder / "s.etl").rename(self.folder / f"s{n}.etl")
        self.assertEqual({pid for pid, _ in newest}, {w.pid for w in writers})
        self.assertEqual(self.status("B")["events_lost"], 0)

    def test_snapshots_at_once_are_each_whole(self):
        self.start("-b", "64", "-min", "16")
        self.pinned_writer("--count", 0)
        wait_for(lambda: self.status("B")["recorded_bytes"] > 1 << 20, "some events")
        tools = [subprocess.Popen([str(BIN / "tracelog"), "-flush", "B", "-f", f"s{n}.etl"],
                                  env=self.env, cwd=self.folder, stdout=subprocess.DEVNULL)
                 for n in range(8)]
        for n, tool in enumerate(tools):
            self.assertEqual(tool.wait(), 0)
            found = self.numbered(f"s{n}.etl")
            self.assertEqual(len(found), 1)
            self.assert_suffixes(found)


class Killed(BufferedTest):
    def test_host_killed_keeps_what_was_recorded(self):
        self.start("-b", "64", "-min", "64")
        writer = self.pinned_writer("--count", 20000, "--hold")
        writer.written()
        before = self.save("before.etl")
        self.kill_hosts([self.worker()])
        wait_for(lambda: self.status("B"), "the session to be back")
        self.assertEqual(self.save("after.etl"), before)
        later = self.write_all("--count", 10)
        self.assertEqual(self.save("later.etl")[later.pid, 0], list(range(10)))

    def test_host_and_keeper_killed_while_a_program_runs(self):
        self.start("-b", "64", "-min", "64")
        writer = self.pinned_writer("--count", 20000, "--hold")
        writer.written()
        before = self.save("before.etl")
        self.kill_hosts()
        self.status("B")  # brings the host back
        wait_for(lambda: self.status("B")["recorded_bytes"] > 0, "the rings to be handed back")
        self.assertEqual(self.save("after.etl"), before)

    def test_program_killed_leaves_its_events(self):
        self.start("-b", "64", "-min", "64")
        writer = self.pinned_writer("--count", 0)
        wait_for(lambda: self.status("B")["recorded_bytes"] > 1 << 20, "some events")
        writer.kill()
        found = self.save("s.etl")
        self.assertEqual([pid for pid, _ in found], [writer.pid])
        self.assert_suffixes(found)

    def test_tool_killed_in_the_middle_of_a_snapshot(self):
        self.start("-b", "1024", "-min", "64")
        self.pinned_writer("--count", 0, "--fill", 1000)
        wait_for(lambda: self.status("B")["recorded_bytes"] > 64 << 20, "full buffers")
        for _ in range(5):
            tool = subprocess.Popen([str(BIN / "tracelog"), "-flush", "B", "-f", "k.etl"],
                                    env=self.env, cwd=self.folder, stdout=subprocess.DEVNULL)
            wait_for(lambda: (self.folder / "k.etl").exists() or tool.poll() is not None, "the file")
            tool.kill()
            tool.wait()
        self.assert_suffixes(self.save("s.etl"))


class FullDisk(SmallDisk, BufferedTest):
    def test_is_an_error_that_leaves_session_and_file_alone(self):
        self.start("-b", "256", "-min", 32 * len(CPUS))
        writer = self.write_all("--count", 100000, "--fill", 100)
        old = self.disk / "old.etl"
        old.write_bytes(b"not to be lost")
        for file in (old, self.disk / "new.etl"):
            done = self.tracelog("-flush", "B", "-f", file, code=1)
            self.assertIn("112L", done.stdout)
            self.assertIn("no room on its disk", done.stderr)
        self.assertEqual(old.read_bytes(), b"not to be lost")
        self.assertEqual([p.name for p in self.disk.iterdir()], ["old.etl"])
        found = self.save("s.etl")
        self.assertEqual(found[writer.pid, 0][-1], 99999)
        self.assert_suffixes(found)


if __name__ == "__main__":
    unittest.main()
