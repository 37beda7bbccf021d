"""Combinations of -start's options drawn at random, judged by an oracle that was written from the
tables of Microsoft's documentation and knows nothing of our code.

ETW_RANDOM_SEED chooses other draws; a failure prints the seed and the command.
"""
import json
import os
import random
import unittest

from harness import SANITIZED, EndToEnd, WRITER_GUID

DRAWS = 60 if SANITIZED else 400

# Table 1.9: the bits of LogFileMode, and what each excludes.
BITS = {"-seq": 0x1, "-cir": 0x2, "-append": 0x4, "-newfile": 0x8, "-prealloc": 0x20,
        "-secure": 0x80, "-rt": 0x100, "-buffering": 0x400, "-um": 0x800, "-kb": 0x2000,
        "-gs": 0x4000, "-ls": 0x8000, "-paged": 0x01000000, "-independent": 0x08000000,
        "-lowcapacity": 0x10000000}
EXCLUDES = [("-seq", "-cir"), ("-seq", "-newfile"), ("-cir", "-newfile"), ("-append", "-rt"),
            ("-append", "-cir"), ("-append", "-newfile"), ("-append", "-um"),
            ("-prealloc", "-newfile"), ("-prealloc", "-um"), ("-newfile", "-um"),
            ("-rt", "-um"), ("-rt", "-buffering"), ("-independent", "-um"), ("-gs", "-ls"),
            ("-buffering", "-seq"), ("-buffering", "-cir"), ("-buffering", "-append"),
            ("-buffering", "-newfile"), ("-buffering", "-prealloc"), ("-buffering", "-kb"),
            ("-buffering", "-f"), ("-buffering", "-um"),
            # Ours: a private session has no choice of memory, owner or lifetime.
            ("-um", "-paged"), ("-um", "-ttl"), ("-um", "-owner-pid")]
REFUSED = ["-kd", "-addtotriagedump"]  # nothing like it here
CLOCKS = ["-UsePerfCounter", "-UseSystemTime", "-UseCPUCycle"]
SIZED = ["-seq", "-cir", "-newfile"]


class Draw:
    """One command line, and what the tables say of it."""

    def __init__(self, rng):
        self.options = {}
        for option in BITS:
            if rng.random() < 0.13:
                self.options[option] = []
        for option in SIZED:
            if option in self.options and rng.random() < 0.85:
                self.options[option] = [rng.choice(["1", "8", "0x10"])]
        if "-kb" in self.options:
            for option in SIZED:
                if self.options.get(option):
                    self.options[option] = [rng.choice(["64", "512", "4096"])]
        if rng.random() < 0.7:
            self.options["-f"] = [rng.choice(["r.etl", "r%d.etl"])]
        for option, values in {"-b": ["3", "4", "64", "256", "16385"], "-min": ["2", "10"],
                               "-max": ["30", "2"], "-ft": ["1", "5"], "-bt": ["4"],
                               "-ttl": ["1h"], "-owner-pid": [str(os.getpid())],
                               "-age": ["15"], "-flag": ["0xff"]}.items():
            if rng.random() < 0.15:
                self.options[option] = [rng.choice(values)]
        if rng.random() < 0.3:
            self.options[rng.choice(CLOCKS)] = []
        if rng.random() < 0.05:
            self.options[rng.choice(REFUSED)] = []
        if rng.random() < 0.6:
            self.options["-guid"] = [WRITER_GUID]
        self.words = [[option, *values] for option, values in self.options.items()]
        rng.shuffle(self.words)  # their order is free
        self.words = sum(self.words, [])

    def has(self, *options):
        return any(option in self.options for option in options)

    def sized(self, option):
        return bool(self.options.get(option))

    def effective(self):
        """What counts: -seq, -cir and -newfile without a size are ignored."""
        return {option for option in self.options if option not in SIZED or self.sized(option)}

    def codes(self):
        """Every code that the tables allow; several rules may be broken at once."""
        counts = self.effective()
        codes = set()
        if self.has("-kd") and self.has("-um"):  # which Windows refuses too
            return {87, 50}
        if self.has(*REFUSED):
            return {50}
        for a, b in EXCLUDES:
            if a in counts and b in counts:
                codes.add(87)
        if "-newfile" in counts and "%d" not in self.options.get("-f", [""])[0]:
            codes.add(123)
        if "-append" in counts and "-f" not in counts:
            codes.add(87)
        if "-append" in counts and counts & {"-UsePerfCounter", "-UseCPUCycle"}:
            codes.add(87)
        if "-prealloc" in counts and not counts & {"-seq", "-cir"}:
            codes.add(87)
        if self.options.get("-b", ["64"])[0] in ("3", "16385"):
            codes.add(87)
        if "-um" in counts and "-guid" not in counts:
            codes.add(87)
        if self.too_small(counts):
            codes.add(87)
        return codes or {0}

    def too_small(self, counts):
        """Ours: a log holds at least two buffers."""
        buffer_kb = int(self.options.get("-b", ["64"])[0])
        for option in SIZED:
            if option in counts:
                size = int(self.options[option][0], 0) * (1 if "-kb" in counts else 1024)
                if size < 2 * buffer_kb:
                    return True
        return False

    def mode(self):
        return sum(BITS[option] for option in self.effective() if option in BITS)


class RandomOptions(EndToEnd):
    def missing(self):
        """Kinds of sessions that this build does not have."""
        found = set()
        for option in ("-rt", "-buffering"):
            done = self.tracelog("-start", "Probe", option, code=None)
            if "50L" in done.stdout:
                found.add(option)
            elif done.returncode == 0:
                self.tracelog("-stop", "Probe", code=None)
        return found

    def test_random_options(self):
        seed = int(os.environ.get("ETW_RANDOM_SEED", "3"))
        rng = random.Random(seed)
        missing = self.missing()
        started = refused = 0
        for number in range(DRAWS):
            draw = Draw(rng)
            what = f"seed {seed}, draw {number}: tracelog -start R {' '.join(draw.words)}"
            for log in self.folder.glob("*.etl*"):
                log.unlink()
            done = self.tracelog("-start", "R", *draw.words, "-json", code=None)
            self.assertIn(done.returncode, (0, 1), f"{what}\n{done.stdout}{done.stderr}")
            answer = json.loads(done.stdout)
            expected = draw.codes()
            if draw.has(*missing) and expected == {0}:
                expected = {50}
            elif draw.has(*missing):
                expected = expected | {50}
            self.assertIn(answer["operation_status"], expected, f"{what}\n{done.stderr}")
            if answer["operation_status"] != 0:
                refused += 1
                self.assertIn(f"[{answer['operation_status']}]", done.stderr, what)
                self.assertEqual(list(self.folder.glob("*.etl*")), [], what)
                continue
            started += 1
            self.check_started(draw, answer, what)
        self.assertGreater(started, DRAWS // 10)
        self.assertGreater(refused, DRAWS // 10)

    def check_started(self, draw, answer, what):
        self.assertEqual(int(answer["log_file_mode"], 16), draw.mode(), what)
        if draw.has("-b"):
            self.assertEqual(answer["buffer_size_kb"], int(draw.options["-b"][0]), what)
        if draw.has("-ttl"):
            self.assertEqual(answer["ttl_s"], 3600, what)
        in_memory = draw.has("-buffering") or (draw.has("-rt") and not draw.has("-f"))
        um = ["-um"] if draw.has("-um") else []
        if not um:
            self.assertEqual(bool(answer["log_file"]), not in_memory, what)
            self.assertEqual(bool(list(self.folder.glob("*.etl"))), not in_memory, what)
        final = self.tracelog("-stop", "R", *um, "-json", code=None)
        self.assertIn(final.returncode, (0, 3), f"{what}\n{final.stderr}")
        if not in_memory and not um:
            for log in self.folder.glob("*.etl"):
                self.check_etl(log)


if __name__ == "__main__":
    unittest.main()
