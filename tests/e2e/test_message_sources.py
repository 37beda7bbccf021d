"""Trace messages of a real program: what the log holds, and that its description is found."""
import json
import pathlib
import re
import shutil
import struct
import subprocess
import time
import unittest
import uuid

from harness import BIN, EndToEnd, wait_for

CONTROL = "6f1d3c5a-2b7e-4c1d-9a55-0e8b7c6d5a41"
REQUESTS, ERRORS = 1, 2


def messages(path):
    """Every trace message of a log: (header flags, size, {values by name}), by processor in order."""
    data = pathlib.Path(path).read_bytes()
    found = []
    at = 0
    while at < len(data):
        size, = struct.unpack_from("<I", data, at)
        filled, = struct.unpack_from("<I", data, at + 48)
        place = at + 72
        while place < at + filled:
            length, kind = struct.unpack_from("<HH", data, place)
            if kind >> 8 != 0x90:
                length = length if kind >> 8 == 0xC0 and kind & 0xFF in (18, 19) else \
                    struct.unpack_from("<H", data, place + 4)[0]
            else:
                number, flags = struct.unpack_from("<HH", data, place + 4)
                head = place + 8
                sequence = None
                if flags & 1:
                    sequence, = struct.unpack_from("<I", data, head)
                    head += 4
                guid = uuid.UUID(bytes_le=data[head:head + 16])
                stamp, thread, process = struct.unpack_from("<qII", data, head + 16)
                found.append({"flags": flags, "size": length, "number": number, "guid": guid,
                              "sequence": sequence, "time": stamp, "thread": thread,
                              "process": process, "values": data[head + 32:place + length]})
            place += (length + 7) // 8 * 8
        at += size
    return found


class Messages(EndToEnd):
    def record(self, *options, count=32, threads=1):
        log = self.folder / "messages.etl"
        self.tracelog("-start", "M", "-f", log, "-guid", f"#{CONTROL}", *options)
        done = self.run_tool("etw-message-sample", "-count", count, "-threads", threads)
        self.assertEqual(done.stdout,
                         f"written {count * threads} {count // 16 * threads}\n")
        self.tracelog("-stop", "M")
        return log

    def test_the_log_holds_each_message_as_the_compact_record(self):
        log = self.record("-flag", "0x3", "-level", "5")
        found = messages(log)
        self.assertEqual(len(found), 34)
        requests = [m for m in found if len(m["values"]) == 8]
        self.assertEqual([struct.unpack("<ii", m["values"]) for m in requests],
                         [(i, 0) for i in range(32)])
        for message in requests:
            self.assertEqual(message["flags"], 0xAA)
            self.assertEqual(message["size"], 48, "two integers, at most 56 bytes")
            self.assertGreaterEqual(message["number"], 10)
        errors = [struct.unpack("<iii", m["values"]) for m in found if len(m["values"]) == 12]
        self.assertEqual(errors, [(15, 2, 11), (31, 2, 11)])
        self.check_etl(log)

    def test_flags_and_level_choose_the_messages(self):
        for options, sizes in ((("-flag", "1", "-level", "5"), {8}),
                               (("-flag", "2", "-level", "2"), {12}),
                               (("-flag", "2", "-level", "1"), set()),
                               (("-flag", "0", "-level", "5"), set()),
                               (("-flag", "3", "-level", "1"), {8})):
            found = messages(self.record(*options))
            self.assertEqual({len(m["values"]) for m in found}, sizes, options)

    def test_several_sessions_have_their_own(self):
        logs = []
        for name, flag in (("A", 1), ("B", 2), ("C", 3)):
            logs.append(self.folder / f"{name}.etl")
            self.tracelog("-start", name, "-f", logs[-1], "-guid", f"#{CONTROL}", "-flag", flag,
                          "-level", "5")
        self.run_tool("etw-message-sample", "-count", "16")
        for name in "ABC":
            self.tracelog("-stop", name)
        self.assertEqual([len(messages(log)) for log in logs], [16, 1, 17])

    def test_each_message_is_described_in_the_binary_and_in_its_debug_file(self):
        found = messages(self.record("-flag", "3", "-level", "5"))
        program = BIN / "etw-message-sample"
        stripped, debug = self.folder / "stripped", self.folder / "stripped.debug"
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        shutil.copy(program, stripped)
        subprocess.run(["objcopy", "--strip-all", "-R", ".etw.messages",
                        f"--add-gnu-debuglink={debug}", stripped], check=True, cwd=self.folder)
        for file in (program, debug, stripped):
            text = self.run_tool("dump_messages", file).stdout
            described = {}
            for line in text.splitlines():
                if re.match("[0-9a-f]{8}-.* // SRC=", line):
                    guid = uuid.UUID(line.split()[0])
                elif line.startswith("#typev"):
                    described[guid, int(line.split()[2])] = line
            for message in found:
                line = described[message["guid"], message["number"]]
                self.assertIn("request %10!d!", line)
            self.assertIn("FUNC=serve", text)
            self.assertIn("state, ItemListLong(Waiting,Served,Refused) -- 11", text)
            self.assertIn("damaged 0", text)

    def test_a_session_may_have_system_time(self):
        begin = time.time()
        ours = messages(self.record("-flag", "3", "-level", "5", "-UseSystemTime"))
        log = self.folder / "private.etl"
        self.tracelog("-start", "P", "-um", "-f", log, "-guid", f"#{CONTROL}", "-flag", "1",
                      "-level", "5", "-UseSystemTime", "-ls")
        self.run_tool("etw-message-sample", "-count", "4")
        self.tracelog("-stop", "P", "-um")
        private = messages(log)
        self.assertEqual((len(ours), len(private)), (34, 4))
        for message in ours + private:
            unix = message["time"] / 1e7 - 11644473600
            self.assertLess(begin - 1, unix)
            self.assertLess(unix, time.time() + 1)

    def test_a_session_that_does_not_number_has_none(self):
        self.assertEqual({m["sequence"] for m in
                          messages(self.record("-flag", "3", "-level", "5"))}, {None})


class Numbers(EndToEnd):
    def start(self, name, *options):
        log = self.folder / f"{name}.etl"
        self.tracelog("-start", name, "-f", log, "-guid", f"#{CONTROL}", "-flag", "1", "-level",
                      "5", *options)
        return log

    def sequences(self, log):
        found = messages(log)
        self.assertEqual({m["flags"] for m in found}, {0xAB})
        self.assertEqual({m["size"] for m in found}, {52})
        for thread in {m["thread"] for m in found}:
            own = [m["sequence"] for m in sorted(found, key=lambda m: m["time"])
                   if m["thread"] == thread]
            self.assertEqual(own, sorted(own), "of a thread they rise with time")
        return [m["sequence"] for m in sorted(found, key=lambda m: m["time"])]

    def test_of_a_session_are_1_2_3_over_all_programs(self):
        log = self.start("L", "-ls")
        other = self.start("Other", "-ls")
        self.run_tool("etw-message-sample", "-count", "20", "-threads", "3")
        self.tracelog("-stop", "Other")
        self.run_tool("etw-message-sample", "-count", "20")
        self.tracelog("-stop", "L")
        self.assertEqual(sorted(self.sequences(log)), list(range(1, 81)))
        self.assertEqual(sorted(self.sequences(other)), list(range(1, 61)))
        self.check_etl(log)

    def test_of_all_sessions_that_want_it_are_one_row(self):
        first, second, own = self.start("A", "-gs"), self.start("B", "-gs"), self.start("C", "-ls")
        self.run_tool("etw-message-sample", "-count", "30", "-threads", "2")
        for name in "ABC":
            self.tracelog("-stop", name)
        a, b = self.sequences(first), self.sequences(second)
        self.assertEqual((len(a), len(b)), (60, 60))
        self.assertEqual(sorted(a + b), list(range(1, 121)))
        self.assertEqual(sorted(self.sequences(own)), list(range(1, 61)))

    def test_of_a_later_session_begin_anew(self):
        for _ in range(2):
            log = self.start("L", "-ls")
            self.run_tool("etw-message-sample", "-count", "3")
            self.tracelog("-stop", "L")
            self.assertEqual(self.sequences(log), [1, 2, 3])

    def test_go_on_when_the_host_is_killed(self):
        log = self.start("L", "-ls")
        self.run_tool("etw-message-sample", "-count", "10")
        self.kill_hosts([self.worker()])
        wait_for(lambda: self.tracelog("-q", "L", code=None).returncode == 0, "the next host")
        self.run_tool("etw-message-sample", "-count", "10")
        self.tracelog("-stop", "L")
        self.assertEqual(self.sequences(log), list(range(1, 21)))

    def test_of_a_private_session_are_its_processes_own(self):
        log = self.start("P", "-um", "-ls")
        self.run_tool("etw-message-sample", "-count", "5")
        self.run_tool("etw-message-sample", "-count", "5")
        processes = json.loads(self.tracelog("-q", "P", "-um", "-json").stdout)["processes"]
        self.tracelog("-stop", "P", "-um")
        logs = [path for path in self.folder.iterdir() if path.name.startswith("P.etl")]
        self.assertEqual(len(logs), len(processes))
        for path in logs:
            self.assertEqual(self.sequences(path), [1, 2, 3, 4, 5])
        self.assertIn(log, logs)


if __name__ == "__main__":
    unittest.main()
