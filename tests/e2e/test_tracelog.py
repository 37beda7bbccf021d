"""The reference's worked examples of tracelog's command line, typed as they stand, and its
questions, refusals and displays."""
import json
import os
import pathlib
import pty
import select
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd, OTHER_GUID, WRITER_GUID, wait_for

THIRD_GUID = "331c3b3a-2005-44c2-ac5e-77220c37d6b4"


class Tracelog(EndToEnd):
    def refused(self, code, *words, because=None):
        done = self.tracelog(*words, code=1)
        self.assertIn(f"Operation Status:       {code}L", done.stdout)
        self.assertIn(f"[{code}]", done.stderr)
        if because:
            self.assertIn(because, done.stderr)
        return done

    def write(self, name, text):
        (self.folder / name).write_text(text)


class Examples(Tracelog):
    def test_T4a_a_new_file_ends_real_time(self):
        self.tracelog("-start", "MyTrace", "-rt")
        out = self.tracelog("-update", "MyTrace", "-f", "mytrace.etl", "-max", "35").stdout
        self.assertIn("Operation Status:       0L", out)
        self.assert_line(out, "Maximum Buffers:", 35)
        self.assert_line(out, "Log Filename:", self.folder / "mytrace.etl")
        self.assertNotIn("Real Time mode enabled", out)

    def test_T4b_both(self):
        self.tracelog("-start", "MyTrace", "-rt")
        out = self.tracelog("-update", "MyTrace", "-rt", "-f", "mytrace.etl", "-max", "35").stdout
        self.assert_line(out, "Maximum Buffers:", 35)
        self.assert_line(out, "Log Filename:", self.folder / "mytrace.etl")
        self.assertIn("\nReal Time mode enabled\n", out)

    def test_T22_real_time_circular_and_local_sequence(self):
        self.write("f.txt", OTHER_GUID + "\n")
        out = self.tracelog("-start", "wdiwpp", "-f", "x.etl", "-cir", "256", "-rt", "-ls", "-ft",
                            "1").stdout
        self.assert_line(out, "Log Mode:", "Circular")
        self.assert_line(out, "Maximum File Size:", "256 Mb")
        self.assertIn("\nReal Time mode enabled\n", out)
        self.assertIn("\nLocal Sequence numbers in use.\n", out)
        self.tracelog("-enable", "wdiwpp", "-guid", "f.txt", "-level", "0x7fffffff", "-flag",
                      "0x7fffffff")
        provider, = self.status("wdiwpp")["providers"]
        self.assertEqual((provider["level"], provider["match_any_keyword"]), (255, "0x7fffffff"))

    def test_T25_real_time_with_a_file_of_any_extension(self):
        self.tracelog("-start", "WMI_Trace_Session", "-guid", "#" + OTHER_GUID, "-rt", "-level",
                      "5", "-flag", "0x7", "-f", "MYTRACE.BIN")
        self.assertIn("WMI_Trace_Session", self.tracelog("-l").stdout)
        for action in ("-q", "-flush", "-stop"):
            out = self.tracelog(action, "WMI_Trace_Session").stdout
            self.assert_line(out, "Log Filename:", self.folder / "MYTRACE.BIN")
        self.check_etl(self.folder / "MYTRACE.BIN")

    def test_T4c_flush_delivers_partial_buffers(self):
        writer = self.writer("--count", 5, "--wait", "--hold")
        self.start_recording("MyTrace", "-f", "a.etl")
        writer.go()
        self.assertEqual(writer.written(), 5)
        out = self.tracelog("-flush", "MyTrace").stdout
        self.assertIn("Operation Status:       0L", out)
        self.assert_line(out, "Logger Name:", "MyTrace")
        self.assertEqual(sum(map(len, self.numbered("a.etl").values())), 5)

    def test_T16_there_is_no_kernel_debugger(self):
        self.write("MyProvider.ctl", OTHER_GUID + " MyProvider\n")
        done = self.refused(50, "-start", "MyTrace", "-guid", "MyProvider.ctl", "-rt", "-kd",
                            because="-kd: there is no kernel debugger")
        self.assertTrue(done.stdout.startswith("Could not start logger: MyTrace\n"), done.stdout)

    def test_T17_flags_is_flag(self):
        self.write("MyDriver.guid", OTHER_GUID + "\n")
        out = self.tracelog("-start", "MyTrace", "-guid", "MyDriver.guid", "-flags", "4").stdout
        self.assertIn(f"Enabling {OTHER_GUID} (Flags = 0x00000004 Level = 0  ) to logger ", out)
        self.assert_line(out, "Enabled tracing:", "0x00000004")

    def test_T20_enable_and_capture_state(self):
        out = self.tracelog("-start", "MyPowerTrace", "-b", "1024", "-f", "p.etl").stdout
        self.assert_line(out, "Buffer Size:", "1024 Kb")
        out = self.tracelog("-enable", "MyPowerTrace", "-guid", "#" + THIRD_GUID).stdout
        self.assertIn(f"Enabling {THIRD_GUID} (Flags = 0x00000000 Level = 0  ) to logger 1", out)
        for narrowed in ([], ["-guid", "#" + THIRD_GUID]):
            out = self.tracelog("-capturestate", "MyPowerTrace", *narrowed).stdout
            self.assertIn(f"Capturing state of {THIRD_GUID} for logger 1\n", out)
            self.assertIn("Operation Status:       0L", out)
        done = self.tracelog("-capturestate", "MyPowerTrace", "-guid", "#" + OTHER_GUID, code=1)
        self.assertIn("[4200]", done.stderr)

    def test_T21_provider_tables(self):
        self.tracelog("-start", "One", "-f", "1.etl", "-guid", OTHER_GUID, "-level", "2",
                      "-matchanykw", "0xffffffffffffffff")
        self.tracelog("-start", "Two", "-f", "2.etl")
        table = ("\nEnabled Providers:\n"
                 "## Guid                                  Level  Flags\n\n"
                 f"{OTHER_GUID}      2  0xffffffffffffffff\n"
                 "Total of 1 providers\n")
        self.assertTrue(self.tracelog("-q", "One", "-lp").stdout.endswith(table))
        listed = self.tracelog("-l", "-lp").stdout
        self.assertNotIn("Operation Status", listed)
        self.assertIn(table + "\nLogger Name:            Two\n", listed)
        self.assertTrue(listed.endswith("Total of 0 providers\n"))

    def test_T24_a_ctl_file_with_a_name(self):
        self.write("vss.ctl", "9138500e-3648-4edb-aa4c-859e9f7b7c38   vss\n")
        self.tracelog("-start", "vss", "-f", "x.etl", "-guid", "vss.ctl", "-flag", "0xff",
                      "-level", "0xaa")
        provider, = self.status("vss")["providers"]
        self.assertEqual((provider["guid"], provider["level"], provider["match_any_keyword"]),
                         ("9138500e-3648-4edb-aa4c-859e9f7b7c38", 0xaa, "0xff"))

    def test_T12_no_registry(self):
        self.refused(50, "-start", "-nothread", "-hf", "-cm", "-ft", "2")
        self.refused(4201, "-stop")
        self.assertEqual(list(self.folder.glob("*.etl")), [])


class StopAll(Tracelog):
    """T7, with somebody at a terminal and without."""

    def type(self, *answers):
        """What stands on the screen after each answer was typed when it was asked for."""
        controller, terminal = pty.openpty()
        tool = subprocess.Popen([str(BIN / "tracelog"), "-x"], env=self.env, cwd=self.folder,
                                stdin=terminal, stdout=terminal, stderr=terminal)
        os.close(terminal)
        screen = ""

        def read_more():
            nonlocal screen
            self.assertTrue(select.select([controller], [], [], DEADLINE)[0], screen)
            try:
                more = os.read(controller, 4096).decode()
            except OSError:  # the tool has ended
                return False
            screen += more.replace("\r\n", "\n")
            return True

        for answer in answers:
            asked = screen.count("(Y or N)? ")
            while screen.count("(Y or N)? ") == asked and read_more():
                pass
            os.write(controller, (answer + "\n").encode())
        while read_more():
            pass
        os.close(controller)
        return tool.wait(DEADLINE), screen

    def test_T7_a_question_for_each_session(self):
        for name in ("My Trace", "Second", "Third"):
            self.tracelog("-start", name, "-f", f"{name}.etl")
        status, screen = self.type("y", "n", "Yes")
        self.assertEqual(status, 0, screen)
        self.assertIn('Do you want to stop the "My Trace" session (Y or N)? y\n', screen)
        self.assertIn("Logger Name:            My Trace\n", screen)
        self.assertIn('The "My Trace" session has been stopped\n', screen)
        self.assertEqual(self.sessions(), ["Second"])
        self.check_etl(self.folder / "My Trace.etl")

    def test_nobody_is_asked_where_standard_input_is_no_terminal(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        self.refused(1223, "-x", because="-x -y stops all of them")
        done = self.tracelog("-x", input="y\n", code=1)
        self.assertIn("1223", done.stdout)
        self.assertEqual(self.sessions(), ["A"])
        out = self.tracelog("-x", "-y").stdout
        self.assertIn('The "A" session has been stopped', out)
        self.assertEqual(self.sessions(), [])
        self.assertIn("no session runs", self.tracelog("-x", "-y").stderr)

    def test_json(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        self.tracelog("-start", "B", "-f", "b.etl")
        stopped = json.loads(self.tracelog("-x", "-y", "-json").stdout)
        self.assertEqual([s["name"] for s in stopped], ["A", "B"])


class Displays(Tracelog):
    def test_whose_a_session_is_and_how_large_its_log(self):
        self.tracelog("-start", "A", "-f", "a.etl", "-seq", "512", "-kb", "-flag", "0x12",
                      "-independent", "-paged")
        out = self.tracelog("-q", "A").stdout
        self.assert_line(out, "Buffer Size:", "64 Kb using paged memory")
        self.assert_line(out, "Log Mode:", "Independent  Sequential")
        self.assert_line(out, "Maximum File Size:", "512 Kb")
        self.assert_line(out, "Enabled tracing:", "0x00000012")
        self.assert_line(out, "Log File Size:", "64 Kb")
        self.assertRegex(out, r"\nOwner: {18}\w+ \(%d\)\n" % os.getuid())
        self.assertRegex(out, r"\nRunning Since: {10}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n")

    def test_enumguidex_by_process(self):
        self.start_host()
        first, second = self.writer("--wait"), self.writer("--wait")
        self.tracelog("-start", "A", "-f", "a.etl", "-guid", WRITER_GUID, "-level", "4",
                      "-matchanykw", "0x10", "-PidFilter", "1", first.pid)
        out = self.tracelog("-enumguidex", "#" + WRITER_GUID).stdout
        self.assertIn(
            f"Guid:                   {WRITER_GUID}\n"
            "Name:                   Openetw.Test.Writer\n", out)
        table = ("LoggerId Level Property   MatchAnyKeyword    MatchAllKeyword\n"
                 "1        4     0x00000000 0x0000000000000010 0x0000000000000000\n")
        self.assertIn(f"Process:                {first.pid} etw-test-writer\n" + table, out)
        self.assertIn(f"Process:                {second.pid} etw-test-writer\n", out)
        self.assertEqual(out.count(table), 1)
        provider, = json.loads(self.tracelog("-enumguidex", WRITER_GUID, "-json").stdout)
        self.assertEqual({i["pid"]: i["logger_ids"] for i in provider["instances"]},
                         {first.pid: [1], second.pid: []})
        self.assertIn("[4200]", self.tracelog("-enumguidex", OTHER_GUID, code=1).stderr)
        listed = self.tracelog("-q", "A", "-lp").stdout
        self.assertTrue(listed.endswith(f"{WRITER_GUID} -PidFilter 1 {first.pid}\n"), listed)

    def test_every_display_has_json(self):
        self.tracelog("-start", "A", "-f", "a%d.etl", "-newfile", "1", "-guid", WRITER_GUID)
        for words in (["-q", "A"], ["-l"], ["-l", "-lp"], ["-enumguid"], ["-enumguidex"],
                      ["-update", "A", "-ft", "5"], ["-flush", "A"], ["-incrementfile", "A"],
                      ["-capturestate", "A"], ["-enable", "A", "-guid", OTHER_GUID],
                      ["-disable", "A", "-guid", OTHER_GUID], ["-stop", "A"]):
            with self.subTest(words):
                json.loads(self.tracelog(*words, "-json").stdout)
        for words in (["-q", "A"], ["-start", "A", "-kd"], ["-x"], ["-incrementfile", "A"]):
            with self.subTest(words):
                document = json.loads(self.tracelog(*words, "-json", code=1).stdout)
                self.assertNotEqual(document["operation_status"], 0)

    def test_buffers_that_were_given_back_are_those_that_the_next_program_gets(self):
        self.start_host()
        self.tracelog("-start", "S", "-f", "s.etl", "-guid", WRITER_GUID, "-max", "64")
        self.writer("--count", "10").finish()
        maps = pathlib.Path(f"/proc/{self.worker()}/maps")
        wait_for(lambda: "etw-ring" not in maps.read_text(), "the rings to go with the program")
        out = self.tracelog("-q", "S").stdout
        self.assert_line(out, "Number of Buffers:", 64)
        self.assert_line(out, "Free Buffers:", 64)


class RemovedFolder(Tracelog):
    """Commands that are typed in a folder which is there no more."""

    def setUp(self):
        super().setUp()
        self.gone = self.folder / "gone"
        self.gone.mkdir()

    def enter(self):
        os.chdir(self.gone)
        self.gone.rmdir()

    def test_a_log_that_would_be_there(self):
        done = self.tracelog("-start", "S", code=1, preexec_fn=self.enter)
        self.assert_operation(done.stdout, 3)
        self.assertIn("has been removed", done.stderr)

    def test_what_needs_no_folder(self):
        self.tracelog("-start", "S", "-f", self.folder / "s.etl", preexec_fn=self.enter)


class NothingRecorded(Tracelog):
    """No command ends in an empty file with exit 0 and no word."""

    def test_provider_that_is_not_there(self):
        done = self.tracelog("-start", "A", "-f", "a.etl", "-guid", WRITER_GUID)
        self.assertIn(f"no running program has registered {WRITER_GUID}", done.stderr)
        self.assertIn("check the GUID", self.tracelog("-stop", "A").stderr)

    def test_no_provider(self):
        done = self.tracelog("-start", "A", "-f", "a.etl")
        self.assertIn("no provider is enabled", done.stderr)
        self.assertIn("-enable", done.stderr)
        self.assertIn("no provider was enabled", self.tracelog("-stop", "A").stderr)

    def test_level_and_keyword_that_let_nothing_pass(self):
        writer = self.writer("--count", 10, "--wait")
        self.start_recording("A", "-f", "a.etl", "-level", "1")
        writer.go()
        writer.finish()
        done = self.tracelog("-stop", "A")
        self.assertIn("'A' recorded no event", done.stderr)

    def test_options_without_effect_are_named(self):
        done = self.tracelog("-start", "A", "-f", "a.etl", "-level", "5", "-kb", "-age", "15",
                             "-cir")
        for option in ("-level", "-kb", "-age", "-cir"):
            self.assertIn(f"{option} ", done.stderr)
        done = self.tracelog("-update", "A", "-b", "128", "-cir", "5", "-paged", "-gs")
        for option in ("-b", "-cir", "-paged", "-gs"):
            self.assertIn(f"{option} has no effect with -update", done.stderr)
        self.assertIn("-f has no effect", self.tracelog("-flush", "A", "-f", "s.etl").stderr)
        self.assertFalse((self.folder / "s.etl").exists())


if __name__ == "__main__":
    unittest.main()
