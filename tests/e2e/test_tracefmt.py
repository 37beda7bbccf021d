"""The worked examples of tracefmt's documentation, as they stand: real sessions, real files."""
import csv
import json
import re
import signal
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from harness import BIN, DEADLINE, EndToEnd, WRITER_GUID, wait_for

EVENT = "{http://schemas.microsoft.com/win/2004/08/events/event}Event"
LINE = re.compile(r"\[\d+\][0-9A-F]{4,}\.[0-9A-F]{4,}::\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\.\d{3} "
                  r"(?P<sequence>[0-9a-f]{8} )?\[[^]]+\]Numbered: ")


class TracefmtTest(EndToEnd):
    def make_log(self, name="LogFile.etl", count=20):
        self.tracelog("-start", "S", "-guid", WRITER_GUID, "-f", name)
        self.writer("--count", count).finish()
        self.tracelog("-stop", "S")

    def tracefmt(self, *args, **kwargs):
        return self.run_tool("tracefmt", *args, **kwargs)

    def read(self, name):
        return (self.folder / name).read_text()


class Examples(TracefmtTest):
    def test_F1_defaults(self):
        self.make_log()
        done = self.tracefmt()
        self.assertIn("Setting log file to: LogFile.etl\n", done.stdout)
        self.assertTrue(done.stdout.endswith("\nEvent traces dumped to FmtFile.txt\n"
                                             "Event Summary dumped to FmtSum.txt\n"))
        lines = [line for line in self.read("FmtFile.txt").splitlines() if LINE.match(line)]
        self.assertEqual(len(lines), 20)
        self.assertIn("|        20    Numbered", self.read("FmtSum.txt"))

    def test_F2_output_and_its_summary(self):
        self.make_log("mytrace.etl")
        done = self.tracefmt("mytrace.etl", "-o", "mytrace.txt")
        self.assertIn("Event Summary dumped to mytrace.txt.sum\n", done.stdout)
        self.assertIn("Files Processed:\n\tmytrace.etl\n", self.read("mytrace.txt.sum"))
        self.assertEqual(self.read("mytrace.txt").count("Numbered: "), 20)
        self.assertFalse((self.folder / "FmtFile.txt").exists())

    def test_F4_sequence_numbers(self):
        self.make_log("mytrace.etl")
        self.tracefmt("mytrace.etl", "-o", "mytrace.txt", "-seq")
        found = [LINE.match(line) for line in self.read("mytrace.txt").splitlines()]
        self.assertEqual([m["sequence"] for m in found if m], ["00000000 "] * 20)

    def test_F5_real_time(self):
        self.tracelog("-start", "mytrace", "-guid", WRITER_GUID, "-rt")
        with (self.folder / "out").open("wb") as out, (self.folder / "err").open("wb") as err:
            live = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "mytrace", "-display", "-o",
                                     "mytrace.txt"], env=self.env, cwd=self.folder, stdout=out,
                                    stderr=err)
        wait_for(lambda: self.status("mytrace")["real_time_consumers"] == 1, "the consumer")
        self.writer("--count", 20).finish()
        self.tracelog("-stop", "mytrace")
        self.assertEqual(live.wait(DEADLINE), 0, self.read("err"))
        self.assertEqual(self.read("out"), self.read("mytrace.txt"))
        self.assertEqual(self.read("out").count("Numbered: "), 20)
        reports = self.read("err")
        self.assertTrue(reports.startswith("Setting RealTime mode for  mytrace\n"), reports)
        self.assertTrue(reports.endswith("\nEvent traces dumped to mytrace.txt\n"
                                         "Event Summary dumped to mytrace.txt.sum\n"), reports)

    def test_F7_prefix(self):
        self.make_log("mytrace.etl")
        self.env["TRACE_FORMAT_PREFIX"] = "%2!s!: %!FUNC!: %8!04x!.%3!04x!: %4!s!:"
        done = self.tracefmt("mytrace.etl", "-displayonly", "-nosummary")
        found = re.findall(r"^Numbered: : [0-9a-f]{4,}\.[0-9a-f]{4,}: "
                           r"\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\.\d{3}:  Numbered: ", done.stdout, re.M)
        self.assertEqual(len(found), 20, done.stdout)

    def test_F8_csv(self):
        self.make_log("mytrace.etl")
        self.tracefmt("mytrace.etl", "-o", "mytrace.csv", "-csv", "-csvheader")
        with (self.folder / "mytrace.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        numbered = [row for row in rows if row["Event"] == "Numbered"]
        self.assertEqual(len(numbered), 20)
        for row in numbered:
            self.assertEqual(row["GUID"], WRITER_GUID.lower())
            self.assertRegex(row["Text"], LINE)
        self.assertNotIn(None, rows[0])  # no row has more columns than the heading
        self.assertFalse(any(None in row.values() for row in rows))

    def test_F9_buffers(self):
        self.make_log("x.etl")
        done = self.tracefmt("x.etl", "-o", "x1.txt", "-v")
        self.assertRegex(done.stdout, r"(?m)^\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\.\d{3} ::        1: "
                                      r"Filled= +\d+, Lost=  0 TotalLost= 0$")
        self.assertRegex(done.stdout, r"(?m)^        ProcessorCount          \d+$")


class Formats(TracefmtTest):
    def test_every_format_has_every_event(self):
        self.make_log("a.etl", 500)
        text = self.tracefmt("a.etl", "-displayonly", "-nosummary").stdout.splitlines()
        lines = self.tracefmt("a.etl", "-displayonly", "-nosummary", "-json").stdout.splitlines()
        self.assertEqual([json.loads(line)["event"] for line in lines].count("Numbered"), 500)
        self.tracefmt("a.etl", "-xml", "-o", "a.xml")
        events = ElementTree.parse(self.folder / "a.xml").getroot().findall(EVENT)
        self.assertEqual(len(events), len(lines))
        self.assertEqual(len(text), len(lines))
        for encoding, name in (("utf16", "utf-16"), ("ansi", "cp1252"), ("utf8", "utf-8")):
            self.tracefmt("a.etl", "-cp", encoding, "-o", "a.txt")
            self.assertEqual((self.folder / "a.txt").read_bytes().decode(name).splitlines(), text)
            self.tracefmt("a.etl", "-xml", "-cp", encoding, "-o", "a.xml")
            self.assertEqual(len(list(ElementTree.parse(self.folder / "a.xml").getroot())),
                             len(lines))

    def test_interrupted_live_events_end_whole(self):
        self.tracelog("-start", "S", "-guid", WRITER_GUID, "-rt")
        live = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "S", "-xml", "-o", "x.xml"],
                                env=self.env, cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        wait_for(lambda: self.status("S")["real_time_consumers"] == 1, "the consumer")
        self.writer("--count", 100).finish()
        self.tracelog("-flush", "S")
        wait_for(lambda: "Numbered" in self.read("x.xml"), "some events")
        live.send_signal(signal.SIGINT)
        _, errors = live.communicate(timeout=DEADLINE)
        self.assertEqual(live.returncode, 0, errors)
        root = ElementTree.parse(self.folder / "x.xml").getroot()
        self.assertGreater(len(root.findall(EVENT)), 0)
        self.assertIn("Total Events  Processed", self.read("x.xml.sum"))
        self.tracelog("-stop", "S")


if __name__ == "__main__":
    unittest.main()
