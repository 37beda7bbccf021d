"""A provider's source that compiles for both systems; tests/windows runs the other half."""
import json
import subprocess
import unittest

from harness import BIN, DEADLINE, EndToEnd

MANIFEST = "6c5bd0d3-3b35-4c0a-8f5e-5d1d7b0a4211"


class Portable(EndToEnd):
    def test_its_events_are_recorded(self):
        self.tracelog("-start", "P", "-f", "p.etl", "-guid", "Openetw.Portable", "-level", "5")
        self.tracelog("-enable", "P", "-guid", f"#{MANIFEST}", "-level", "4")
        done = subprocess.run([str(BIN / "etw-portable-sample")], env=self.env, timeout=DEADLINE,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, "written 6, errors 0, level 4\n"))
        self.tracelog("-stop", "P")
        out = self.run_tool("tracefmt", "p.etl", "-displayonly", "-nosummary", "-json").stdout
        events = [json.loads(line) for line in out.splitlines()]
        ticks = [event["fields"] for event in events if event.get("event") == "Tick"]
        self.assertEqual([tick["index"] for tick in ticks], [0, 1, 2])
        self.assertEqual((ticks[0]["text"], ticks[0]["wide"], ticks[0]["list"], ticks[0]["guid"]),
                         ("narrow", "wide", [1, 2, 3], MANIFEST))
        self.assertTrue(ticks[0]["time"].startswith("1970-01-01T00:00:00"), ticks[0])
        self.assertEqual(sum(event["provider_guid"] == MANIFEST for event in events), 3)


if __name__ == "__main__":
    unittest.main()
