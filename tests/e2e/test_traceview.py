"""traceview: control commands, -process, and joining sessions that run already."""
import contextlib
import json
import os
import pty
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd, WRITER_GUID, wait_for

OTHER_GUID = "d58c126f-b309-11d1-969e-0000f875a5bc"


class Terminal:
    """A tool on a pseudo terminal of its own."""

    def __init__(self, test, *args):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([str(BIN / "traceview"), *map(str, args)], env=test.env,
                                        cwd=test.folder, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.text = ""

    def read(self):
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self.master, 65536):
                self.text += data.decode().replace("\r\n", "\n")
        return self.text

    def expect(self, text):
        wait_for(lambda: text in self.read(), f"{text!r} in {self.text!r}")

    def type(self, line):
        os.write(self.master, line.encode())

    def hang_up(self):
        os.close(self.master)
        self.master = None

    def finish(self):
        code = self.process.wait(DEADLINE)
        if self.master is not None:
            self.read()
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master is not None:
            self.hang_up()


class TraceviewTest(EndToEnd):
    def traceview(self, *args, code=0, **kwargs):
        return self.run_tool("traceview", *args, code=code, **kwargs)

    def terminal(self, *args):
        terminal = Terminal(self, *args)
        self.addCleanup(terminal.close)
        return terminal

    def assert_operation(self, output, code=0):
        self.assertIn(f"Operation Status:       {code}L", output)

    def sessions(self):
        return {s["name"]: s for s in json.loads(self.traceview("-l", "-json").stdout)}


class Commands(TraceviewTest):
    def test_V1_process(self):
        self.tracelog("-start", "S", "-guid", WRITER_GUID)
        self.writer("--count", 10).finish()
        self.tracelog("-stop", "S")
        done = self.traceview("-process")
        self.assertIn("Event traces dumped to FmtFile.txt", done.stdout)
        text = (self.folder / "FmtFile.txt").read_text()
        self.assertEqual(sum("Numbered" in line for line in text.splitlines()), 10)
        self.assertIn("Total Events  Processed", (self.folder / "FmtSum.txt").read_text())
        (self.folder / "LogFile.etl").rename(self.folder / "mytrace.etl")
        (self.folder / "tracing").mkdir()
        done = self.traceview("-process", "mytrace.etl", "-p", "tracing", "-o", "mytrace.txt")
        self.assertEqual((self.folder / "mytrace.txt").read_text(), text)
        self.assertTrue((self.folder / "mytrace.txt.sum").exists())
        shown = self.traceview("-process", "mytrace.etl", "-displayonly", "-nosummary", "-json")
        events = [json.loads(line) for line in shown.stdout.splitlines()]
        self.assertEqual(sum(e.get("event") == "Numbered" for e in events), 10)

    def test_V3_control(self):
        self.tracelog("-start", "S", "-guid", WRITER_GUID, "-f", "s.etl")
        self.assertEqual(len(self.status("S")["providers"]), 1)
        self.assert_operation(self.traceview("-disable", "S", "-guid", "#" + WRITER_GUID).stdout)
        self.assertEqual(self.status("S")["providers"], [])
        self.assertIn("Logger Name:            S\n", self.traceview("-l").stdout)
        self.assert_operation(self.traceview("-stop", "S").stdout)
        self.assertNotIn("Logger Name", self.traceview("-l").stdout)
        done = self.traceview("-start", "GlobalLogger", code=1)
        self.assert_operation(done.stdout, 50)
        self.assertIn("next boot", done.stderr)

    def test_every_command_on_a_session(self):
        out = self.traceview("-start", "S", "-guid", WRITER_GUID, "-level", "4", "-flag", "1", "-f",
                             "s.etl", "-b", "32", "-min", "8", "-max", "20").stdout
        self.assertTrue(out.startswith("Logger Started...\n"), out)
        self.assertIn("Buffer Size:            32 Kb\n", out)
        self.traceview("-enable", "S", "-guid", OTHER_GUID, "-level", "2")
        self.assertEqual([p["level"] for p in self.sessions()["S"]["providers"]], [4, 2])
        self.traceview("-update", "S", "-ft", "5", "-max", "30")
        status = json.loads(self.traceview("-q", "S", "-json").stdout)
        self.assertEqual((status["flush_timer_s"], status["maximum_buffers"]), (5, 30))
        self.writer("--count", 10).finish()
        self.assert_operation(self.traceview("-flush", "S").stdout)
        self.assertEqual(sum(map(len, self.numbered("s.etl").values())), 10)
        writer = self.writer("--count", 1, "--wait")
        self.assertIn(WRITER_GUID, self.traceview("-enumguid").stdout)
        writer.go()
        self.traceview("-stop", "S")

    def test_exit_statuses(self):
        self.assertEqual(self.traceview(code=2).stdout, "")
        self.traceview("-stop", code=2)
        self.traceview("-start", "S", "-um", code=2)
        self.assert_operation(self.traceview("-stop", "Missing", code=1).stdout, 4201)
        self.assert_operation(self.traceview("-start", "S", code=1).stdout, 50)
        self.assert_operation(self.traceview("-parsepdb", "tracedrv.pdb", code=1).stdout, 50)
        self.traceview("-process", "missing.etl", code=1)
        self.assertTrue(self.traceview("-h").stdout.startswith("Usage: traceview"))
        self.assertEqual(self.host_pids(), [])


class Join(TraceviewTest):
    def setUp(self):
        super().setUp()
        self.tracelog("-start", "R", "-guid", WRITER_GUID, "-level", "3", "-f", "r.etl", "-b", "32",
                      "-max", "40", "-cir", "8")
        self.before = self.sessions()["R"]
        self.ask = ("-start", "S", "-guid", WRITER_GUID)

    def assert_restarted(self, **changed):
        sessions = self.sessions()
        self.assertEqual(list(sessions), ["S"])
        for name in ("buffer_size_kb", "maximum_buffers", "log_mode", "maximum_file_size_kb",
                     "log_file", "clock"):
            self.assertEqual(sessions["S"][name], changed.get(name, self.before[name]), name)
        self.assertEqual([p["guid"] for p in sessions["S"]["providers"]], [WRITER_GUID])

    def assert_untouched(self):
        self.assertEqual(list(self.sessions()), ["R"])
        after = self.sessions()["R"]
        for name in ("guid", "start_time", "providers", "log_file"):
            self.assertEqual(after[name], self.before[name])

    def test_yes_restarts(self):
        done = self.traceview(*self.ask, "-join", "yes")
        self.assertIn("stopped 'R'", done.stderr)
        self.assert_restarted()
        self.writer("--count", 5).finish()
        self.tracelog("-stop", "S", code=None)

    def test_yes_takes_what_the_command_line_says_and_keeps_the_old_log(self):
        writer = self.writer("--count", 3, "--wait")
        self.tracelog("-enable", "R", "-guid", WRITER_GUID, "-level", "5", "-timeout", "20000")
        writer.go()
        writer.finish()
        self.tracelog("-flush", "R")
        self.traceview(*self.ask, "-join", "yes", "-f", "s.etl", "-max", "50", "-level", "5")
        self.assert_restarted(log_file=str(self.folder / "s.etl"), maximum_buffers=50)
        self.writer("--count", 7).finish()
        self.traceview("-stop", "S")
        self.assertEqual(sum(map(len, self.numbered("s.etl").values())), 7)
        self.assertEqual(sum(map(len, self.numbered("r.etl").values())), 3)

    def test_no_joins(self):
        done = self.traceview(*self.ask, "-join", "no")
        self.assertTrue(done.stdout.startswith("Logger Joined...\n"), done.stdout)
        self.assertIn("Logger Name:            R\n", done.stdout)
        self.assert_untouched()
        self.traceview("-update", "R", "-ft", "9")
        self.assertEqual(self.sessions()["R"]["flush_timer_s"], 9)

    def test_cancel_starts_nothing(self):
        done = self.traceview(*self.ask, "-join", "cancel", code=1)
        self.assert_operation(done.stdout, 1223)
        self.assert_untouched()

    def test_without_a_terminal_nobody_is_asked(self):
        for stdin in (subprocess.DEVNULL, subprocess.PIPE):
            done = self.traceview(*self.ask, code=1, stdin=stdin)
            self.assert_operation(done.stdout, 170)
            self.assertIn("-join yes", done.stderr)
        failure = json.loads(self.traceview(*self.ask, "-json", code=1).stdout)
        self.assertEqual(failure["operation_status"], 170)
        self.assert_untouched()

    def test_a_provider_that_nobody_has_enabled_needs_no_answer(self):
        self.traceview("-start", "S", "-guid", OTHER_GUID, "-f", "s.etl")
        self.assertEqual(set(self.sessions()), {"R", "S"})

    def test_a_restart_that_would_be_refused_stops_nothing(self):
        self.traceview(*self.ask, "-join", "yes", "-f", self.folder / "no" / "folder.etl", code=1)
        self.traceview(*self.ask, "-join", "yes", "-b", "8192", code=1)
        self.assert_untouched()

    def test_yes_on_a_terminal(self):
        terminal = self.terminal(*self.ask)
        terminal.expect("(Yes, No or Cancel)? ")
        self.assertIn("still enabled by the running session 'R'", terminal.text)
        self.assertIn("its log is begun anew", terminal.text)
        terminal.type("yes\n")
        self.assertEqual(terminal.finish(), 0)
        self.assert_restarted()

    def test_no_on_a_terminal(self):
        terminal = self.terminal(*self.ask)
        terminal.expect("(Yes, No or Cancel)? ")
        terminal.type("perhaps\n")
        terminal.expect("\nYes, No or Cancel? ")
        terminal.type("n\n")
        self.assertEqual(terminal.finish(), 0)
        self.assertIn("Logger Joined...", terminal.text)
        self.assert_untouched()

    def test_cancel_on_a_terminal(self):
        for answer in ("c\n", "\x04"):  # Cancel, end of input
            terminal = self.terminal(*self.ask)
            terminal.expect("(Yes, No or Cancel)? ")
            terminal.type(answer)
            self.assertEqual(terminal.finish(), 1)
            self.assertIn("Operation Status:       1223L", terminal.text)
        self.assert_untouched()

    def test_killed_while_it_asks_it_has_changed_nothing(self):
        terminal = self.terminal(*self.ask)
        terminal.expect("(Yes, No or Cancel)? ")
        terminal.process.kill()
        terminal.finish()
        self.assert_untouched()


if __name__ == "__main__":
    unittest.main()
