"""What can still be read after a crash: with a debugger, and with tracelog -recover."""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import unittest

from harness import BIN, SANITIZED, WRITER_GUID, Writer, wait_for
from test_buffered import BufferedTest, CPUS

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "gdb" / "etw_gdb.py"


@unittest.skipUnless(shutil.which("gdb"), "needs gdb")
class Debugger(BufferedTest):
    def gdb(self, *arguments, commands):
        words = ["gdb", "-nx", "-batch", "-ex", f"source {SCRIPT}"]
        for command in commands:
            words += ["-ex", command]
        done = subprocess.run([*words, *map(str, arguments)], cwd=self.folder, text=True,
                              capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def buffered_writer(self, count=3000):
        self.start("-b", "16", "-min", 8 * len(CPUS))
        writer = self.pinned_writer("--count", count, "--hold")
        writer.written()
        return writer

    def assert_dumped(self, file, writer, last):
        found = self.numbered(file)
        self.assertEqual(list(found), [(writer.pid, 0)])
        self.assert_suffixes(found, last=last)
        self.check_etl(self.folder / file)

    def test_lists_and_dumps_a_live_process(self):
        writer = self.buffered_writer()
        out = self.gdb("-p", writer.pid, commands=["etw sessions", "etw dump B live.etl"])
        self.assertIn("B: ", out)
        self.assertIn("buffered", out)
        self.assert_dumped("live.etl", writer, last=2999)
        self.assertEqual(self.numbered("live.etl"), self.save("host.etl"))

    def test_dumps_a_core_file_of_a_stripped_program(self):
        if SANITIZED:
            self.skipTest("a sanitized program's memory, and so its core, is terabytes")
        stripped = self.folder / "stripped"
        subprocess.run(["strip", "-o", stripped, BIN / "etw-test-writer"], check=True)
        writer = self.buffered_writer()
        self.gdb("-p", writer.pid, commands=["gcore memory.core"])
        writer.kill()
        self.kill_hosts()
        self.gdb(stripped, "memory.core", commands=["etw dump b core.etl"])
        self.assert_dumped("core.etl", writer, last=2999)

    def test_dumps_the_kernels_core_file_of_a_program_that_aborted(self):
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        if SANITIZED or most == 0 or pattern.startswith("|") or "/" in pattern:
            self.skipTest("needs a kernel that leaves core files where the program runs")

        def surroundings():
            os.chdir(self.folder)
            os.sched_setaffinity(0, {CPUS[0]})
            resource.setrlimit(resource.RLIMIT_CORE, (most, most))
        self.start("-b", "16", "-min", 8 * len(CPUS))
        writer = Writer(self.env, "--count", 3000, "--hold", preexec_fn=surroundings)
        self.writers.append(writer)
        writer.written()
        os.kill(writer.pid, signal.SIGABRT)
        writer.process.wait()
        core, = self.folder.glob(pattern.partition("%")[0] + "*")
        self.kill_hosts()
        self.gdb(BIN / "etw-test-writer", core, commands=["etw dump B core.etl"])
        self.assert_dumped("core.etl", writer, last=2999)

    def test_dumps_what_the_host_has_not_taken_out_of_a_file_session(self):
        self.tracelog("-start", "F", "-f", "f.etl", "-guid", WRITER_GUID, "-UseSystemTime")
        first = self.pinned_writer("--count", 50, "--hold")
        first.written()
        self.tracelog("-flush", "F")
        second = self.pinned_writer("--count", 70, "--hold")
        second.written()
        out = self.gdb("-p", second.pid, commands=["etw sessions", "etw dump F rest.etl"])
        self.assertIn("not yet written", out)
        self.assert_dumped("rest.etl", second, last=69)
        self.assertEqual(len(self.numbered("rest.etl")[second.pid, 0]), 70)

    def test_says_what_is_wrong(self):
        self.start()
        writer = self.writer("--count", 1, "--hold")
        writer.written()
        for command in ("etw dump Nobody x.etl", "etw dump B", "etw dump B nowhere/x.etl"):
            done = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"source {SCRIPT}", "-ex", command,
                                   "-p", str(writer.pid)], cwd=self.folder, text=True,
                                  capture_output=True)
            self.assertRegex(done.stderr, "(no buffers of a session|etw dump SESSION|nowhere)")
        self.assertFalse((self.folder / "x.etl").exists())


class Recover(BufferedTest):
    # Rings of any session of the machine are found: names that nobody else has.
    NAME = f"Recovered{os.getpid()}"

    def start(self, *options, name=NAME):
        return super().start(*options, name=name)

    def save(self, file, name=NAME):
        return super().save(file, name=name)

    def test_saves_a_buffered_session_whose_host_and_keeper_are_gone(self):
        self.start("-b", "16", "-min", 8 * len(CPUS))
        writer = self.pinned_writer("--count", 3000, "--hold")
        writer.written()
        before = self.save("before.etl")
        self.kill_hosts()
        shutil.rmtree(self.runtime)  # nothing of the host remains
        done = self.tracelog("-recover", self.NAME, "-f", "saved.etl")
        self.assertIn("saved.etl", done.stdout)
        self.assertEqual(self.numbered("saved.etl"), before)
        self.assertEqual(self.host_pids(), [])  # it took none
        self.check_etl(self.folder / "saved.etl")
        self.assertEqual(list(before), [(writer.pid, 0)])

    def test_saves_the_rest_of_a_circular_session(self):
        name = f"Circular{os.getpid()}"
        self.tracelog("-start", name, "-f", "c.etl", "-cir", "8", "-guid", WRITER_GUID)
        writer = self.pinned_writer("--count", 50, "--hold")
        writer.written()
        self.kill_hosts()
        self.tracelog("-recover", self.runtime)
        self.assertEqual(self.numbered(f"{name}.etl"), {(writer.pid, 0): list(range(50))})
        self.check_etl(self.folder / f"{name}.etl")

    def test_saves_the_rest_of_a_file_session_and_only_that(self):
        self.tracelog("-start", "F", "-f", "f.etl", "-guid", WRITER_GUID)
        writer = self.pinned_writer("--count", 50, "--hold")
        writer.written()
        self.tracelog("-flush", "F")
        later = self.pinned_writer("--count", 70, "--hold")
        later.written()
        self.kill_hosts()
        self.tracelog("-recover", self.runtime)
        self.assertEqual(self.numbered("f.etl"), {(writer.pid, 0): list(range(50))})
        self.assertEqual(self.numbered("F.etl"), {(later.pid, 0): list(range(70))})
        self.check_etl(self.folder / "F.etl")
        # It took nothing away: the next host goes on as if nobody had looked.
        self.status("F")
        wait_for(lambda: self.tracelog("-flush", "F") and
                 (later.pid, 0) in self.numbered("f.etl"), "the next host to write the rest")

    def test_a_session_that_is_well_is_not_touched(self):
        self.start()
        writer = self.writer("--count", 10, "--hold")
        writer.written()
        done = self.tracelog("-recover", self.NAME, code=1)
        self.assertIn("its host runs", done.stderr)
        self.tracelog("-recover", self.runtime, code=1)
        self.assertEqual(sorted(self.folder.glob("*.etl")), [])

    def test_nothing_to_save_is_a_failure_with_words(self):
        done = self.tracelog("-recover", "Nobody", code=1)
        self.assertIn("4201L", done.stdout)
        self.assertIn("no running program holds buffers", done.stderr)

    def test_overwrites_no_file_that_was_not_named(self):
        self.start()
        writer = self.writer("--count", 10, "--hold")
        writer.written()
        self.kill_hosts()
        (self.folder / f"{self.NAME}.etl").write_text("keep")
        done = self.tracelog("-recover", self.NAME, "-json", code=1)
        self.assertNotEqual(json.loads(done.stdout)[0]["operation_status"], 0)
        self.assertEqual((self.folder / f"{self.NAME}.etl").read_text(), "keep")
        self.assertIn("there is such a file already; remove it, or name another", done.stderr)
        done = self.tracelog("-recover", self.NAME, "-f", "/proc/saved.etl", code=1)
        self.assertIn("'/proc' takes no new files; name a file in another", done.stderr)


if __name__ == "__main__":
    unittest.main()
