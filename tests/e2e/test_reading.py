"""Reading logs in every state a log can be found in, and writing where writing is not possible."""
import errno
import json
import os
import pathlib
import random
import resource
import shutil
import subprocess
import unittest

from harness import BIN, DEADLINE, NOBODY, SANITIZED, SHARED, EndToEnd, WRITER_GUID, is_root, room, \
    wait_for

OK, FAILED, LOSS = 0, 1, 3
ROOMY = room(32)
BUFFER_SIZE = 65536  # of such a session
SMALL = ("-b", "8", "-max", "4096")


class ReadingCase(EndToEnd):
    def make_log(self, name, count=2000, buffers=ROOMY):
        self.tracelog("-start", name, "-f", f"{name}.etl", "-guid", WRITER_GUID, *buffers)
        writer = self.pinned_writer("--count", count)
        self.assertEqual(writer.written(), count)
        writer.finish()
        self.tracelog("-stop", name)
        return self.folder / f"{name}.etl"

    def tracefmt(self, *args, code=0, **kwargs):
        return self.run_tool("tracefmt", *args, code=code, **kwargs)

    def assert_reads(self, path, codes=(OK, LOSS)):
        """Ends by itself with one of the codes, and prints whole lines of valid JSON only."""
        done = self.tracefmt(path, "-displayonly", "-nosummary", "-json", code=None)
        self.assertIn(done.returncode, codes, done.stderr)
        for line in done.stdout.splitlines():
            json.loads(line)
        return done


class LiveLogs(ReadingCase):
    def read_while_running(self, *options, whole=True):
        self.tracelog("-start", "Live", "-f", "live.etl", "-guid", WRITER_GUID, *ROOMY, *options)
        writer = self.pinned_writer("--count", 0, "--rate", 5000)
        for _ in range(5):
            before = self.status("Live")["buffers_written"]
            wait_for(lambda: self.status("Live")["buffers_written"] > before, "a buffer")
            if whole:
                self.assert_prefixes(self.numbered("live.etl"))
            else:
                self.assert_reads("live.etl")
        writer.kill()

    def test_sequential_log_reads_as_prefixes_while_it_is_written(self):
        self.read_while_running()

    def test_preallocated_log_reads_as_prefixes_while_it_is_written(self):
        self.read_while_running("-prealloc", "-seq", "64")

    def test_circular_log_reads_while_it_wraps(self):
        self.read_while_running("-cir", "1", whole=False)

    def test_log_of_a_killed_host_reads_as_prefixes(self):
        self.read_while_running()
        self.kill_hosts()
        found = self.numbered("live.etl")
        self.assertTrue(found)
        self.assert_prefixes(found)


class DamagedLogs(ReadingCase):
    def test_log_cut_at_any_length_keeps_what_is_before(self):
        whole = self.make_log("cut", 2000, SMALL).read_bytes()
        random.seed(1)
        cut = self.folder / "short.etl"
        for length in sorted(random.sample(range(1, len(whole)), 20 if SANITIZED else 100)):
            cut.write_bytes(whole[:length])
            done = self.assert_reads(cut, (OK, FAILED, LOSS))
            if done.returncode != FAILED:
                self.assert_prefixes(self.numbered(cut))

    def test_changed_bytes_never_crash_or_hang(self):
        whole = self.make_log("flip", 200, SMALL).read_bytes()
        random.seed(2)
        changed = self.folder / "changed.etl"
        for _ in range(100 if SANITIZED else 500):
            data = bytearray(whole)
            for _ in range(random.choice((1, 1, 4, 64))):
                data[random.randrange(len(data))] = random.randrange(256)
            changed.write_bytes(data)
            self.assert_reads(changed, (OK, FAILED, LOSS))

    def events_in(self, log, code):
        done = self.tracefmt(log, "-o", "-", "-summaryonly", "-json", code=code)
        return json.loads(done.stdout)["events"]

    def test_a_terabyte_of_nothing_takes_no_time(self):
        """As a large log that is preallocated has it, and a copy that lacks a part."""
        far = 1 << 40
        log = self.make_log("whole")
        count, last = self.events_in(log, OK), log.read_bytes()[-BUFFER_SIZE:]
        os.truncate(log, far)
        with log.open("rb") as file:
            if not self.tells_holes(file):
                self.skipTest("needs a file system that tells of holes")
        self.assertEqual(self.events_in(log, OK), count)
        with log.open("r+b") as file:
            file.seek(far)
            file.write(last)
        self.assertGreater(self.events_in(log, LOSS), count)

    def test_a_terabyte_of_nothing_behind_compressed_buffers(self):
        if not (SHARED / "data").exists():
            self.skipTest(f"needs {SHARED}/data")
        log = self.folder / "compressed.etl"
        shutil.copyfile(SHARED / "data" / "etl" / "microsoft.SelfDescribingSingleEvent.etl", log)
        count = self.events_in(log, OK)
        os.truncate(log, 1 << 40)
        with log.open("rb") as file:
            if not self.tells_holes(file):
                self.skipTest("needs a file system that tells of holes")
        self.assertEqual(self.events_in(log, OK), count)

    def tells_holes(self, file):
        try:
            return os.lseek(file.fileno(), 1 << 39, os.SEEK_DATA) < 0
        except OSError as error:
            return error.errno == errno.ENXIO

    def test_what_is_no_log_is_refused_with_the_reason(self):
        (self.folder / "empty.etl").touch()
        (self.folder / "text.etl").write_text("not a log\n" * 1000)
        (self.folder / "folder.etl").mkdir()
        for name, reason in (("empty.etl", "empty"), ("text.etl", "not an event trace log"),
                             ("folder.etl", "is a folder"), ("missing.etl", "no such file")):
            done = self.tracefmt(name, "-displayonly", "-nosummary", code=FAILED)
            self.assertIn(reason, done.stderr)
            self.assertEqual(done.stdout, "")

    @unittest.skipUnless(is_root(), "needs another user")
    def test_unreadable_log_is_refused(self):
        log = self.make_log("secret", 10)
        log.chmod(0o600)
        # The tools may lie in a folder that is closed to others.
        tool = pathlib.Path(shutil.copy(BIN / "tracefmt", self.folder / "tracefmt"))
        tool.chmod(0o755)
        done = subprocess.run([str(tool), str(log), "-displayonly"], user=NOBODY, env=self.env,
                              capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertIn(str(log), done.stderr)


class Outputs(ReadingCase):
    def test_two_logs_are_merged_by_time(self):
        first = self.make_log("first", 100)
        second = self.make_log("second", 100)
        records = self.records(second, first)
        times = [r["time"] for r in records if r.get("event") == "Numbered"]
        self.assertEqual(len(times), 200)
        self.assertEqual(times, sorted(times))

    def test_output_never_overwrites_the_log(self):
        log = self.make_log("own", 10)
        before = log.read_bytes()
        alias = self.folder / "alias.txt"
        alias.symlink_to(log)
        for output in (log, alias):
            done = self.tracefmt(log, "-o", output, code=FAILED)
            self.assertIn("choose another -o", done.stderr)
            self.assertEqual(log.read_bytes(), before)

    def test_closed_pipe_ends_quietly(self):
        log = self.make_log("pipe", 50000)
        process = subprocess.Popen([str(BIN / "tracefmt"), str(log), "-displayonly", "-nosummary"],
                                   env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(process.stdout.readline())
        process.stdout.close()
        errors = process.stderr.read().decode()
        process.stderr.close()
        self.assertEqual(process.wait(DEADLINE), OK, errors)
        self.assertNotIn("tracefmt:", errors)

    def test_a_log_does_not_take_the_place_of_a_closed_output(self):
        start = [str(BIN / "tracelog"), "-start", "Closed", "-f", "closed.etl", "-guid", WRITER_GUID]
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&-', "sh", *start], env=self.env,
                              cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.assertNotIn("closed.etl", done.stderr)
        self.tracelog("-stop", "Closed")
        self.check_etl(self.folder / "closed.etl")

    @unittest.skipUnless(is_root(), "mounting needs root")
    def test_full_disk_is_reported(self):
        log = self.make_log("large", 50000)
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
                          capture_output=True).returncode != 0:
            self.skipTest("no right to mount")
        try:
            done = self.tracefmt(log, "-o", disk / "out.txt", code=FAILED)
            self.assertIn(str(disk / "out.txt"), done.stderr)
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_a_limit_on_the_size_of_files_is_reported(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        log = self.make_log("large", 5000)
        done = self.tracefmt(log, "-o", "out.txt", code=FAILED, preexec_fn=limit)
        self.assertIn("out.txt: write: There is not enough space on the disk. [112]", done.stderr)
