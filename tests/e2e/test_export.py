"""Ways out of the log format, and the options that choose events, over logs of real sessions."""
import json
import re
import shutil
import signal
import subprocess
import sys

from harness import BIN, DEADLINE, ETLCHECK, EndToEnd, WRITER_GUID

OK, FAILED, USAGE = 0, 1, 2
COUNT = 3000


class ExportCase(EndToEnd):
    def make_log(self, name, count=COUNT):
        """Returns the log's name and the process that wrote it."""
        self.tracelog("-start", name, "-f", f"{name}.etl", "-guid", WRITER_GUID, "-max", "512")
        writer = self.writer("--wait", "--count", count)
        writer.go()
        self.assertEqual(writer.written(), count)
        writer.finish()
        self.tracelog("-stop", name)
        return f"{name}.etl", writer.pid

    def tracefmt(self, *args, code=OK):
        return self.run_tool("tracefmt", *args, code=code)

    def events(self, *args):
        """What tracefmt prints of the events, without the header event."""
        done = self.tracefmt(*args, "-displayonly", "-nosummary", "-json")
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return [line for line in lines if json.loads(line).get("event") != "EventTrace/Header"]

    def check(self, name):
        if not ETLCHECK.exists():
            return
        done = subprocess.run([sys.executable, str(ETLCHECK), "--strictest", "--pretty",
                               str(self.folder / name)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def reader(self, tool, *args):
        if shutil.which(tool) is None:
            self.skipTest(f"no {tool}")
        done = subprocess.run([tool, *map(str, args)], cwd=self.folder, env=self.env, text=True,
                              capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class Filters(ExportCase):
    def test_each_option_chooses_in_every_output(self):
        log, pid = self.make_log("a")
        everything = self.events(log)
        self.assertEqual(len(everything), COUNT)
        for options, wanted in (
                (("-pid", str(pid)), COUNT), (("-pid", str(pid + 1)), 0),
                (("-provider", WRITER_GUID), COUNT), (("-provider", "*-Test-*;nobody"), None),
                (("-event", "num*"), COUNT), (("-event", "other"), 0),
                (("-id", "0"), COUNT), (("-id", "1-65535"), 0),
                (("-level", "verbose"), COUNT),
                (("-from", "0"), COUNT), (("-to", "1970-01-01Z"), 0)):
            found = self.events(log, *options)
            if wanted is not None:
                self.assertEqual(len(found), wanted, options)
            self.assertEqual(found, [line for line in everything if line in set(found)], options)

    def test_times_that_are_printed_cut_the_log_in_two(self):
        log, _ = self.make_log("a")
        everything = self.events(log)
        middle = json.loads(everything[COUNT // 2])["time"]
        head = self.events(log, "-to", middle)
        tail = self.events(log, "-from", middle)
        at = [line for line in everything if json.loads(line)["time"] == middle]
        self.assertEqual(len(head) + len(tail), COUNT + len(at))
        self.assertEqual(head[-1], at[-1])
        self.assertEqual(tail[0], at[0])

    def test_what_is_left_out_is_counted(self):
        log, _ = self.make_log("a", 10)
        done = self.tracefmt(log, "-o", "out.txt", "-event", "nothing")
        self.assertIn("Events: 0,", done.stdout)
        self.assertIn("Events filtered out: 11\n", done.stdout)
        summary = (self.folder / "out.txt.sum").read_text()
        self.assertIn("Total Events  Filtered  11\n", summary)

    def test_live_events_are_chosen_too(self):
        self.tracelog("-start", "Live", "-rt", "-guid", WRITER_GUID)
        reader = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "Live", "-displayonly",
                                   "-nosummary", "-noprefix", "-event", "nothing"], env=self.env,
                                  cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
        self.assertIn("Setting RealTime mode", reader.stderr.readline())
        writer = self.writer("--wait", "--count", 100)
        writer.go()
        writer.written()
        writer.finish()
        self.tracelog("-stop", "Live")
        out, err = reader.communicate(timeout=DEADLINE)
        self.assertEqual(out, "")
        self.assertIn("Events: 0,", err)
        self.assertRegex(err, r"Events filtered out: 10\d\n")

    def test_a_process_name_that_the_log_cannot_know_is_said(self):
        log, _ = self.make_log("a", 10)
        done = self.tracefmt(log, "-displayonly", "-nosummary", "-pid", "writer")
        self.assertIn("-pid: the log names no process", done.stderr)

    def test_misuse_names_the_option(self):
        for options in (("-from", "soon"), ("-id", "x"), ("-level", "999"), ("-pid", "0x"),
                        ("-from", "2", "-to", "1")):
            done = self.tracefmt("a.etl", *options, code=USAGE)
            self.assertIn(options[0], done.stderr)


class Exports(ExportCase):
    def test_relogged_events_are_the_same_bytes(self):
        log, _ = self.make_log("a")
        done = self.tracefmt(log, "-relog", "b.etl")
        self.assertIn(f"Events relogged: {COUNT}\n", done.stdout)
        self.assertIn("Exported to b.etl\n", done.stdout)
        self.assertFalse((self.folder / "FmtFile.txt").exists())
        self.check("b.etl")
        self.assertEqual(self.events("b.etl"), self.events(log))

    def test_relogging_takes_the_filters(self):
        log, _ = self.make_log("a")
        everything = self.events(log)
        first, last = (json.loads(everything[i])["time"] for i in (1000, 1999))
        part = ("-from", first, "-to", last)
        self.tracefmt(log, *part, "-relog", "b.etl")
        self.check("b.etl")
        self.assertEqual(self.events("b.etl"), self.events(log, *part))
        self.tracefmt(log, "-event", "nothing", "-relog", "c.etl")
        self.check("c.etl")
        self.assertEqual(self.events("c.etl"), [])

    def test_logs_of_one_machine_become_one(self):
        first, _ = self.make_log("a", 500)
        second, _ = self.make_log("b", 700)
        self.tracefmt(second, first, "-relog", "both.etl")
        self.check("both.etl")
        self.assertEqual(len(self.events("both.etl")), 1200)

    def test_the_log_itself_is_never_an_output(self):
        log, _ = self.make_log("a", 10)
        before = (self.folder / log).read_bytes()
        for option in ("-relog", "-perfetto", "-pcapng"):
            done = self.tracefmt(log, option, log, code=FAILED)
            self.assertIn("is the log itself", done.stderr)
            self.assertEqual((self.folder / log).read_bytes(), before)

    def test_several_exports_and_text_in_one_run(self):
        log, _ = self.make_log("a", 100)
        done = self.tracefmt(log, "-relog", "b.etl", "-perfetto", "b.perfetto", "-ctf", "b",
                             "-pcapng", "b.pcapng", "-o", "b.txt")
        self.assertEqual(done.stdout.count("Setting log file to"), 1)
        for name in ("b.etl", "b.perfetto", "b/metadata", "b.pcapng", "b.txt", "b.txt.sum"):
            self.assertTrue((self.folder / name).exists(), name)
        self.assertEqual(list(self.folder.glob("*.part")), [])
        done = self.tracefmt(log, "-ctf", "b", code=FAILED)
        self.assertIn("no empty folder", done.stderr)

    def test_babeltrace_reads_every_event(self):
        log, pid = self.make_log("a")
        self.tracefmt(log, "-event", "Numbered", "-ctf", "trace")
        lines = self.reader("babeltrace2", "trace").splitlines()
        self.assertEqual(len(lines), COUNT)
        self.assertTrue(all(f"vpid = {pid}" in line for line in lines))

    def test_protoc_reads_every_event(self):
        log, pid = self.make_log("a")
        self.tracefmt(log, "-event", "Numbered", "-perfetto", "trace.perfetto")
        with open(self.folder / "trace.perfetto", "rb") as trace:
            if shutil.which("protoc") is None:
                self.skipTest("no protoc")
            done = subprocess.run(["protoc", "--decode_raw"], stdin=trace, text=True,
                                  capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r"^  11 \{", done.stdout, re.M)), COUNT)
        self.assertIn(f"1: {pid}", done.stdout)

    def test_a_log_without_packets_says_so(self):
        log, _ = self.make_log("a", 10)
        done = self.tracefmt(log, "-pcapng", "a.pcapng")
        self.assertIn("No packets: packets come from netsh trace", done.stdout)

    def test_standard_output_stays_clean(self):
        log, _ = self.make_log("a", 10)
        done = subprocess.run([str(BIN / "tracefmt"), log, "-pcapng", "-"], env=self.env,
                              cwd=self.folder, capture_output=True, timeout=DEADLINE)
        self.assertEqual(done.returncode, OK)
        self.assertEqual(done.stdout[:4], b"\x0a\x0d\x0d\x0a")
        self.assertIn(b"Packets: 0", done.stderr)

    def reader_of_live(self, *options):
        reader = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "Live", *options], env=self.env,
                                  cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
        self.assertIn("Setting RealTime mode", reader.stdout.readline())
        return reader

    def live(self, *options):
        self.tracelog("-start", "Live", "-rt", "-guid", WRITER_GUID)
        reader = self.reader_of_live(*options)
        writer = self.writer("--wait", "--count", 100)
        writer.go()
        writer.written()
        writer.finish()
        return reader

    def test_live_events_become_a_trace_when_the_session_stops(self):
        reader = self.live("-event", "Numbered", "-ctf", "trace")
        self.tracelog("-stop", "Live")
        out, err = reader.communicate(timeout=DEADLINE)
        self.assertEqual(reader.returncode, OK, err)
        self.assertIn("Events in the trace: 100", out)
        self.assertEqual(len(self.reader("babeltrace2", "trace").splitlines()), 100)

    def assert_ends_whole_when_interrupted(self, reader):
        reader.send_signal(signal.SIGINT)
        out, err = reader.communicate(timeout=DEADLINE)
        self.assertEqual(reader.returncode, OK, err)
        self.assertIn("Exported to trace.perfetto", out)
        self.assertTrue((self.folder / "trace.perfetto").exists())

    def test_interrupted_live_trace_is_whole(self):
        self.assert_ends_whole_when_interrupted(self.live("-perfetto", "trace.perfetto"))

    def test_live_trace_interrupted_at_its_first_word_is_whole(self):
        self.tracelog("-start", "Live", "-rt", "-guid", WRITER_GUID)
        for _ in range(5):  # a try that the signal comes too late for shows nothing
            self.assert_ends_whole_when_interrupted(
                self.reader_of_live("-perfetto", "trace.perfetto"))

    def test_killed_export_leaves_what_was_there(self):
        target = self.folder / "trace.perfetto"
        target.write_bytes(b"before")
        reader = self.live("-perfetto", "trace.perfetto")
        reader.kill()
        reader.communicate(timeout=DEADLINE)
        self.assertEqual(target.read_bytes(), b"before")

    def test_misuse_says_what_to_do(self):
        for options, words in (
                (("-rt", "S", "-relog", "x.etl"), "tracelog -start"),
                (("-rt", "S", "-ctf", "x", "-perfetto", "y"), "ask for one output"),
                (("a.etl", "-pcapng", "-", "-displayonly"), "only one output"),
                (("a.etl", "-relog"), "-relog needs a value")):
            done = self.tracefmt(*options, code=USAGE)
            self.assertIn(words, done.stderr)
