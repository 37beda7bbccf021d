"""A thousand random commands against a session under load: what was sent is in its logs or counted
as lost, event by event, whoever is killed meanwhile."""
import contextlib
import json
import os
import random
import subprocess
import sys
import time
import unittest

from harness import BIN, DEADLINE, SANITIZED, EndToEnd, WRITER_GUID

COMMANDS = 200 if SANITIZED else 1000
RUNNING = "Load"


class RandomCommands(EndToEnd):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("ETW_RANDOM_SEED", "1"))
        self.random = random.Random(self.seed)
        self.logs = ["load0.etl"]
        self.others = 0
        self.history = []

    def command(self, *words, may_fail=()):
        """Runs it; now and then kills it on its way. The codes it may fail with are given."""
        self.note(" ".join(map(str, words)))
        tool = subprocess.Popen([str(BIN / "tracelog"), *map(str, words), "-json"], env=self.env,
                                cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        if self.random.random() < 0.04:
            with contextlib.suppress(subprocess.TimeoutExpired):
                tool.wait(self.random.random() * 0.01)
            tool.kill()
            tool.communicate()
            self.note("(tool killed)")
            return None
        out, errors = tool.communicate(timeout=DEADLINE)
        if tool.returncode in (0, 3):
            return json.loads(out)
        status = json.loads(out).get("operation_status") if out else None
        self.assertIn(status, may_fail, f"{self.history[-1]}\n{out}{errors}")
        return None

    def note(self, what):
        self.history.append(f"{time.strftime('%T', time.gmtime())}.{time.time_ns() // 1000000 % 1000:03} {what}")

    # -- what may be done to the session under load, all of it without losing an event --------------

    def query(self):
        self.command(*self.random.choice([("-q", RUNNING), ("-q", RUNNING, "-lp"), ("-l",),
                                          ("-enumguid",), ("-l", "-lp")]))

    def flush(self):
        self.command("-flush", RUNNING)

    def update_timer(self):
        self.command("-update", RUNNING, "-ft", self.random.randint(1, 3))

    def update_buffers(self):
        # Replaced rings stay until the session ends: rarely.
        if self.random.random() < 0.1:
            self.command("-update", RUNNING, "-max", self.random.choice([64, 128, 200]))

    def update_file(self):
        if self.random.random() < 0.5:
            self.logs.append(f"load{len(self.logs)}.etl")
            self.command("-update", RUNNING, "-f", self.logs[-1])

    def enable_again(self):
        self.command("-enable", RUNNING, "-guid", WRITER_GUID, "-level",
                     self.random.choice([4, 5, 255]), "-matchanykw",
                     self.random.choice(["0", "1", "0xffffffff"]))

    def enable_absent(self):
        self.command(self.random.choice(["-enable", "-disable"]), RUNNING, "-guid",
                     "*Openetw.Test.Absent")

    def misuse(self):
        words, code = self.random.choice([
            (("-start", RUNNING, "-f", "refused.etl"), 183),
            (("-q", "Nobody"), 4201),
            (("-start", "Bad", "-f", "refused.etl", "-seq", "1", "-cir", "1"), 87),
            (("-start", "Bad", "-newfile", "1", "-f", "refused.etl"), 123),
            (("-start", "Bad", "-f", self.status(RUNNING)["log_file"]), 161)])
        self.command(*words, may_fail=(code,))

    # -- others beside it ---------------------------------------------------------------------------

    def start_other(self):
        self.others += 1
        name = f"Other{self.random.randint(1, 5)}"
        mode = self.random.choice([(), ("-cir", "1"), ("-seq", "4"), ("-newfile", "1"),
                                   ("-seq", "2", "-prealloc"), ("-append",)])
        log = f"other{self.others}{'_%d' if '-newfile' in mode else ''}.etl"
        self.command("-start", name, "-f", log, *mode, "-guid", WRITER_GUID, "-b",
                     self.random.choice([16, 64]), "-max", 40, may_fail=(183,))

    def stop_other(self):
        self.command("-stop", f"Other{self.random.randint(1, 5)}", may_fail=(4201, 2402))

    def lose_worker(self):
        if self.host_pids() and self.random.random() < 0.3:
            self.note("(worker killed)")
            self.kill_worker()

    def lose_host(self):
        if self.random.random() < 0.1:
            self.note("(worker and keeper killed)")
            self.kill_hosts()

    def test_account_for_every_event(self):
        writer = self.writer("--threads", 2, "--count", 0, "--rate", 8000, "--until", "--wait",
                             "--hold")
        self.start_recording(RUNNING, "-f", self.logs[0], "-max", "128", "-ft", "1")
        writer.go()
        steps = [self.query, self.flush, self.update_timer, self.update_buffers, self.update_file,
                 self.enable_again, self.enable_absent, self.misuse, self.start_other,
                 self.stop_other, self.lose_worker, self.lose_host]
        try:
            while len(self.history) < COMMANDS:
                self.random.choice(steps)()
            writer.go()
            written = writer.written()
            self.assertIn(RUNNING, self.sessions())
            for name in self.sessions():
                if name != RUNNING:
                    self.tracelog("-stop", name, code=None)
            final = json.loads(self.tracelog("-stop", RUNNING, "-json", code=None).stdout)
            self.account_for(written, final)
            for log in self.folder.glob("other*.etl"):
                if log.stat().st_size != 0:  # else its -start was killed
                    self.records(log)
        except BaseException:
            (self.folder / "history.txt").write_text("\n".join(self.history))
            print(f"seed {self.seed}, {len(self.history)} commands: history.txt", file=sys.stderr)
            raise
        writer.go()
        writer.finish()

    def account_for(self, written, final):
        self.assertEqual(final["log_buffers_lost"], 0)
        recorded = 0
        seen = {}
        for log in self.logs:
            path = self.folder / log
            if not path.exists() or path.stat().st_size == 0:
                continue  # its -update was killed before the session had it
            for key, sequence in self.numbered(path).items():
                self.assertEqual(sequence, sorted(set(sequence)), f"{log}: writer {key}")
                self.assertFalse(seen.setdefault(key, set()).intersection(sequence), log)
                seen[key].update(sequence)
                recorded += len(sequence)
        self.assertEqual(recorded + final["events_lost"], written)


if __name__ == "__main__":
    unittest.main()
