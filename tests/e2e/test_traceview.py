"""traceview: control commands, -process, and joining sessions that run already."""
import contextlib
import json
import os
import pty
import signal
import subprocess
import unittest

from harness import APART, BIN, DEADLINE, OTHER_GUID, PATIENCE_MS, THREAD_SANITIZED, EndToEnd, \
    WRITER_GUID, hang, wait_for



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
        self.assert_operation(self.traceview("-start", "GlobalLogger", "-f", "g.log").stdout)
        config = (self.folder / "config" / "globallogger.conf").read_text()
        self.assertIn("Start = 1\n", config)
        self.assertIn(f"FileName = {self.folder / 'g.log'}\n", config)
        self.assertNotIn("Logger Name", self.traceview("-l").stdout)
        self.assert_operation(self.traceview("-start", "globallogger", code=1).stdout, 87)

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
        self.traceview("-parsepdb", "tracedrv.pdb", code=1)
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
        self.tracelog("-enable", "R", "-guid", WRITER_GUID, "-level", "5", "-timeout", PATIENCE_MS)
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


class Shown:
    """A traceview in the foreground, its output in files."""

    def __init__(self, test, *args, stdout=None):
        test.shown_count = getattr(test, "shown_count", 0) + 1
        self.out = test.folder / f"shown{test.shown_count}.out"
        self.err = test.folder / f"shown{test.shown_count}.err"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [str(BIN / "traceview"), *map(str, args), "-display"], env=test.env,
                cwd=test.folder, stdin=subprocess.DEVNULL, stdout=stdout or out, stderr=err,
                **APART)
        test.addCleanup(self.close)

    def expect(self, text, count=1):
        wait_for(lambda: (self.out.read_text() + self.err.read_text()).count(text) >= count,
                 f"{count} times {text!r}")
        return self

    def numbers(self):
        return self.out.read_text().count("]Numbered: ")

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class ProcessLive(TraceviewTest):
    """-process -rt: a session's events as they come, until it stops."""

    def process(self, *args):
        tool = subprocess.Popen([str(BIN / "traceview"), "-process", "-rt", *args], env=self.env,
                                cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(tool.communicate)
        self.addCleanup(tool.kill)
        wait_for(lambda: self.status("L")["real_time_consumers"] == 1 or tool.poll() is not None,
                 "the consumer")
        return tool

    def record(self, tool):
        self.writer("--count", 300).finish()
        self.tracelog("-stop", "L")
        out, err = tool.communicate(timeout=DEADLINE)
        self.assertEqual(tool.returncode, 0, err)
        return out

    def test_into_the_default_files(self):
        self.tracelog("-start", "L", "-rt", "-guid", WRITER_GUID)
        self.record(self.process("L"))
        self.assertEqual((self.folder / "FmtFile.txt").read_text().count("]Numbered: "), 300)
        self.assertIn("300", (self.folder / "FmtSum.txt").read_text())

    def test_of_a_session_that_writes_a_file_to_standard_output(self):
        self.tracelog("-start", "L", "-f", "l.etl", "-guid", WRITER_GUID)
        out = self.record(self.process("L", "-displayonly", "-nosummary", "-json"))
        self.assertEqual([json.loads(line)["fields"]["sequence"] for line in out.splitlines()
                          if json.loads(line).get("event") == "Numbered"], list(range(300)))
        self.assertFalse((self.folder / "FmtFile.txt").exists())
        self.check_etl(self.folder / "l.etl")

    def test_without_such_a_session_is_an_error(self):
        done = self.traceview("-process", "-rt", "Nobody", code=1)
        self.assertIn("4201", done.stderr)


class Foreground(TraceviewTest):
    ask = ("-start", "S", "-guid", WRITER_GUID)

    def setUp(self):
        super().setUp()
        if THREAD_SANITIZED:
            self.skipTest("the thread sanitizer holds back the signals of a thread that waits for a lock")

    def write(self, count=10):
        self.writer("--count", count).finish()

    def show(self, *args, state="'S': RUNNING\n", **kwargs):
        return Shown(self, *self.ask, *args, **kwargs).expect(state)

    def test_states_and_messages_until_it_is_told_to_end(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                shown = self.show()
                self.assertIn("Logger Started...", shown.err.read_text())
                self.write()
                shown.expect("]Numbered: ", 10)
                self.assertEqual(shown.end(number), 0)
                states = [line.split(": ")[-1] for line in shown.err.read_text().splitlines()
                          if line.startswith("traceview: 'S': ") and line.endswith("ING")
                          or line.endswith("STOPPED")]
                self.assertEqual(states, ["RUNNING", "STOPPING", "STOPPED"])
                self.assertEqual(self.sessions(), {})

    def test_what_was_written_before_the_end_is_shown(self):
        shown = self.show("-ft", "3600")
        self.write(5000)
        self.assertEqual(shown.end(), 0)
        self.assertEqual(shown.numbers(), 5000)

    def test_it_ends_under_load_too(self):
        self.writer("--count", 0, "--rate", 50000)
        shown = self.show()
        shown.expect("]Numbered: ", 1000)
        self.assertIn(shown.end(), (0, 3))
        self.assertEqual(self.sessions(), {})

    def test_a_session_that_somebody_stops_ends_it(self):
        shown = self.show()
        self.write(100)
        self.tracelog("-stop", "S")
        self.assertEqual(shown.process.wait(DEADLINE), 0)
        self.assertEqual(shown.numbers(), 100)
        self.assertIn("'S': STOPPED", shown.err.read_text())

    def test_a_session_of_the_same_name_that_somebody_else_started_is_not_stopped(self):
        shown = self.show()
        hang(shown.process.pid)
        self.tracelog("-stop", "S")
        self.tracelog("-start", "S", "-f", "other.etl")
        shown.process.send_signal(signal.SIGCONT)
        self.assertEqual(shown.process.wait(DEADLINE), 0)
        self.assertEqual(list(self.sessions()), ["S"])

    def test_with_a_file_both_have_the_events(self):
        shown = self.show("-f", "s.etl")
        self.write(50)
        self.assertEqual(shown.end(), 0)
        self.assertEqual(shown.numbers(), 50)
        self.assertEqual(sum(map(len, self.numbered("s.etl").values())), 50)

    def test_killed_it_leaves_the_session_to_be_joined(self):
        shown = self.show()
        self.write()
        shown.expect("]Numbered: ", 10)
        shown.end(signal.SIGKILL)
        self.assertEqual(list(self.sessions()), ["S"])
        self.assert_operation(self.traceview(*self.ask, code=1).stdout, 170)

        joined = self.show("-join", "no", state="RUNNING (joined)")
        self.write(20)
        joined.expect("]Numbered: ", 20)
        self.assertEqual(joined.end(), 0)
        self.assertIn("RUNNING (left)", joined.err.read_text())
        self.assertEqual(list(self.sessions()), ["S"])

        restarted = self.show("-join", "yes")
        self.write(30)
        restarted.expect("]Numbered: ", 30)
        self.assertEqual(restarted.end(), 0)
        self.assertEqual(self.sessions(), {})

    def test_joining_a_file_session_shows_it_and_leaves_its_file_alone(self):
        self.tracelog("-start", "R", "-guid", WRITER_GUID, "-f", "r.etl")
        before = self.sessions()["R"]
        joined = self.show("-join", "no", state="'R': RUNNING (joined)")
        self.write(40)
        self.tracelog("-flush", "R")
        joined.expect("]Numbered: ", 40)
        self.assertEqual(self.sessions()["R"]["log_file_mode"], before["log_file_mode"])
        self.tracelog("-stop", "R")
        self.assertEqual(joined.process.wait(DEADLINE), 0)
        self.assertEqual(sum(map(len, self.numbered("r.etl").values())), 40)

    def test_json_is_lines_of_the_start_the_events_and_the_end(self):
        shown = self.show("-json")
        self.write()
        shown.expect('"Numbered"', 10)
        self.assertEqual(shown.end(), 0)
        lines = [json.loads(line) for line in shown.out.read_text().splitlines()]
        self.assertEqual((lines[0]["name"], lines[0]["operation_status"]), ("S", 0))
        self.assertEqual(sum(line.get("event") == "Numbered" for line in lines), 10)
        self.assertEqual((lines[-1]["name"], lines[-1]["operation_status"]), ("S", 0))

    def test_a_reader_that_goes_away_ends_it(self):
        reader, writer = os.pipe()
        shown = self.show(stdout=writer)
        os.close(writer)
        os.close(reader)
        self.write()
        self.tracelog("-flush", "S", code=None)
        self.assertEqual(shown.process.wait(DEADLINE), 0)
        self.assertEqual(self.sessions(), {})
        self.assertIn("'S': events lost: 0, buffers lost: 0\n", shown.err.read_text(),
                      "how many were shown is not known")

    def test_the_end_of_the_terminals_input_ends_it(self):
        terminal = self.terminal(*self.ask, "-display")
        terminal.expect("'S': RUNNING")
        terminal.type("\x04")
        self.assertEqual(terminal.finish(), 0)
        self.assertIn("'S': STOPPED", terminal.text)
        self.assertEqual(self.sessions(), {})

    def test_a_terminal_that_goes_away_ends_it(self):
        terminal = self.terminal(*self.ask, "-display")
        terminal.expect("'S': RUNNING")
        terminal.hang_up()
        terminal.finish()
        self.assertEqual(self.sessions(), {})

    def test_a_host_that_is_killed_meanwhile_is_no_end(self):
        shown = self.show()
        self.write(10)
        shown.expect("]Numbered: ", 10)
        self.kill_hosts([self.worker()])
        wait_for(lambda: "S" in self.sessions(), "the session to go on")
        self.write(10)
        shown.expect("]Numbered: ", 20)
        self.assertEqual(shown.end(), 0)
        self.assertEqual(self.sessions(), {})


if __name__ == "__main__":
    unittest.main()
