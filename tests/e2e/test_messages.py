"""Trace messages of a real program, formatted from its binary and from the TMF files of tracepdb."""
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd

CONTROL = "7c3b9a54-1f0e-4c5d-9a36-0d5a1c6f7e02"
TEXTS = ("IOCTL = 7", "main read this")


class Messages(EndToEnd):
    def setUp(self):
        super().setUp()
        self.program = BIN / "etw-test-messages"
        # Level 5 and flag 1: what the program writes needs both.
        self.tracelog("-start", "M", "-f", "m.etl", "-guid", f"#{CONTROL}", "-flag", "1", "-level",
                      "5")
        done = subprocess.run([str(self.program)], env=self.env, timeout=DEADLINE)
        self.assertEqual(done.returncode, 0)
        self.tracelog("-stop", "M")

    def lines(self, *options):
        out = self.run_tool("tracefmt", "m.etl", "-displayonly", "-nosummary", *options).stdout
        return [line for line in out.splitlines() if "EventTrace" not in line]

    def assert_texts(self, lines):
        self.assertEqual(len(lines), len(TEXTS), lines)
        for line, text in zip(lines, TEXTS):
            self.assertTrue(line.endswith("]" + text), line)

    def test_the_binary_itself_has_the_formats(self):
        self.assert_texts(self.lines("-i", self.program))
        self.assert_texts(self.lines("-pdb", self.program))

    def test_P1_tracepdb_writes_them_and_tracefmt_finds_them(self):
        direct = self.lines("-pdb", self.program)
        self.run_tool("tracepdb", "-f", self.program, "-p", "tmfs", "-c")
        self.assertIn("FLAG_ONE\nFLAG_TWO\n", (self.folder / f"tmfs/{CONTROL}.tmc").read_text())
        self.assertIn(CONTROL, (self.folder / "tmfs/etw-test-messages.mof").read_text())
        self.assertEqual(self.lines("-p", "tmfs"), direct)
        self.run_tool("tracepdb", "-f", self.program, "-o", "all.tmf")
        self.assertEqual(self.lines("-tmf", "all.tmf"), direct)
        self.env["TRACE_FORMAT_SEARCH_PATH"] = "tmfs"
        self.assertEqual(self.lines(), direct)

    def test_without_formats_they_are_unknown_with_the_file_that_is_missing(self):
        for line in self.lines("-p", "tmfs"):
            self.assertRegex(line, r"Unknown\( \d\d\): GUID=(\S+) "
                                   r"\(No Format Information found\)\. no \1\.tmf in tmfs")


if __name__ == "__main__":
    unittest.main()
