"""A log with a field of every kind is valid, and tracefmt shows each value as it was written."""
import pathlib
import unittest

from harness import EndToEnd

GOLDEN = pathlib.Path(__file__).parent / "fields.golden.txt"


class Fields(EndToEnd):
    maxDiff = None

    def record(self):
        log = self.folder / "fields.etl"
        self.tracelog("-start", "Fields", "-f", log, "-guid",
                      "6a0b4f0d-6d0c-4b7a-8f6e-0c2f7d9d1a55", "-level", "5")
        self.run_tool("etw-test-fields")
        self.tracelog("-stop", "Fields")
        return log

    def test_every_value_is_shown_as_it_was_written(self):
        log = self.record()
        shown = self.run_tool("tracefmt", log, "-displayonly", "-noprefix", "-nosummary").stdout
        header, events = shown.split("\n", 1)
        self.assertTrue(header.startswith("EventTrace/Header: "), header)
        self.assertEqual(events, GOLDEN.read_text())

    def test_the_log_is_valid(self):
        self.check_etl(self.record())


if __name__ == "__main__":
    unittest.main()
