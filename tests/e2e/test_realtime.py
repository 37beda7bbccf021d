"""Sessions whose events are consumed while they run."""
import contextlib
import json
import os
import re
import signal
import subprocess
import unittest

from harness import APART, BIN, DEADLINE, EndToEnd, WRITER_GUID, hang, room, wait_for

REAL_TIME = 0x100
NUMBERED = re.compile(rb'"pid":(\d+).*?"thread":(\d+),"sequence":(\d+)')
TIME = re.compile(rb'^.*?"time":"([^"]+)"', re.MULTILINE)


class Live:
    """A running tracefmt -rt whose lines go to a file."""

    def __init__(self, test, name, *options):
        self.path = test.folder / f"live{len(test.live)}.json"
        self.counted, self.offset, self.end_of_counted = 0, 0, b""
        self.process = subprocess.Popen(
            [str(BIN / "tracefmt"), "-rt", name, "-json", "-nosummary", "-o", str(self.path),
             *options],
            env=test.env, cwd=test.folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **APART)
        assert self.process.stdout.readline() == f"Setting RealTime mode for  {name}\n"
        self.pid = self.process.pid

    def kill(self, number):
        os.kill(self.pid, number)

    def count(self):
        """Of the test writer's events so far. Reads only what came since the last call."""
        name = b'"Numbered"'
        with self.path.open("rb") as file:
            file.seek(self.offset)
            new = file.read()
        self.offset += len(new)
        text = self.end_of_counted + new
        self.counted += text.count(name)
        self.end_of_counted = text[-(len(name) - 1):]
        return self.counted

    def events(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def end(self):
        """Waits for its end; returns its exit status and the buffers that it lost."""
        out, errors = self.process.communicate(timeout=DEADLINE)
        assert "Processing completed" in out, out + errors
        lost = re.search(r"the session lost (\d+) events and (\d+) buffers", errors)
        return self.process.returncode, int(lost[2]) if lost else 0


class RealTimeTest(EndToEnd):
    def setUp(self):
        super().setUp()
        self.live = []

    def tearDown(self):
        for live in self.live:
            with contextlib.suppress(ProcessLookupError):
                live.process.kill()
            live.process.wait()
            live.process.stdout.close()
            live.process.stderr.close()
        super().tearDown()

    def consumer(self, name, *options):
        """A consumer that gets what is written from now on, and what nobody has got so far."""
        before = self.status(name)["real_time_consumers"]
        live = Live(self, name, *options)
        self.live.append(live)
        wait_for(lambda: self.status(name)["real_time_consumers"] > before, "the consumer")
        return live

    def start(self, *options, name="R"):
        self.tracelog("-start", name, "-guid", WRITER_GUID, *options)

    def mode(self, name="R"):
        return int(self.status(name)["log_file_mode"], 0)

    def stop(self, name="R"):
        return json.loads(self.tracelog("-stop", name, "-json", code=None).stdout)  # 3: losses

    def write(self, *options):
        """Runs a writer to its end; returns what it has written."""
        writer = self.writer(*options)
        written = writer.written()
        writer.finish()
        return written

    def sequences(self, live):
        """{(pid, thread): [sequence, ...]} in the order in which they came."""
        found = {}
        for match in NUMBERED.finditer(live.path.read_bytes()):
            pid, thread, sequence = map(int, match.groups())
            found.setdefault((pid, thread), []).append(sequence)
        return found

    def assert_accounted(self, live, sent, final):
        """Whatever the machine's load did: sent = delivered + lost, nothing twice."""
        found = self.sequences(live).values()
        self.assertEqual(sum(map(len, found)) + final["events_lost"], sent)
        for sequence in found:
            self.assertEqual(sequence, sorted(set(sequence)))

    def assert_complete(self, live, count, threads=1):
        found = self.sequences(live)
        self.assertEqual(len(found), threads)
        for sequence in found.values():
            self.assertEqual(sequence, list(range(count)))
        times = TIME.findall(live.path.read_bytes())
        self.assertEqual(len(times), count * threads)
        self.assertEqual(times, sorted(times), "in order of time over all processors")


class Consumers(RealTimeTest):
    def test_session_without_a_file_makes_none_and_delivers_everything(self):
        self.start("-rt", *room(16))
        self.assertEqual({p.name for p in self.folder.iterdir()}, {"run"})
        status = self.status("R")
        self.assertEqual(status["log_file"], "")
        self.assertEqual(status["flush_timer_s"], 1)
        live = self.consumer("R")
        writer = self.writer("--threads", 2, "--count", 30000, "--rate", 50000, "--hold")
        self.assertEqual(writer.written(), 60000)
        final = self.stop()
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(live.end(), (0, 0))
        writer.go()
        writer.finish()
        self.assert_complete(live, 30000, threads=2)

    def test_first_consumer_is_given_what_came_before_it_and_the_second_is_not(self):
        self.start("-rt")
        self.write("--count", 1000)
        first = self.consumer("R")
        wait_for(lambda: first.count() == 1000, "the backlog")
        second = self.consumer("R")
        self.write("--count", 500)
        wait_for(lambda: second.count() == 500, "the new events")
        self.stop()
        for live in (first, second):
            self.assertEqual(live.end(), (0, 0))
        self.assertEqual(sorted(map(len, self.sequences(first).values())), [500, 1000])
        self.assertEqual(sorted(map(len, self.sequences(second).values())), [500])

    def test_backlog_is_bounded_and_keeps_the_newest(self):
        self.start("-rt", *room(4))
        writers = []
        while self.status("R")["real_time_buffers_lost"] == 0:
            writer = self.writer("--count", 10000, "--fill", 100)
            writer.finish()
            writers.append(writer.pid)
            self.tracelog("-flush", "R")
        live = self.consumer("R")
        self.assertEqual(self.stop()["events_lost"], 0)
        self.assertEqual(live.end(), (0, 0))
        kept = [(pid, sequence) for (pid, _), sequence in self.sequences(live).items()]
        self.assertEqual([pid for pid, _ in kept], writers[-len(kept):])
        oldest = kept[0][1]
        self.assertEqual(oldest, list(range(oldest[0], 10000)))
        self.assertEqual([sequence for _, sequence in kept[1:]],
                         [list(range(10000))] * (len(kept) - 1))
        self.assertGreater(sum(len(sequence) for _, sequence in kept) * 200, 8 << 20)

    def test_consumer_that_is_stopped_loses_its_buffers_and_costs_nobody_any(self):
        self.start("-rt", "-f", "both.etl", *room(8))
        good, bad = self.consumer("R"), self.consumer("R")
        hang(bad.pid)
        rounds, count = 0, 10000
        while self.status("R")["real_time_buffers_lost"] == 0:
            self.assertEqual(self.write("--threads", 2, "--count", count, "--fill", 100), 2 * count)
            rounds += 1
            # What the good one may be behind is less than its ring.
            self.tracelog("-flush", "R")
            wait_for(lambda: good.count() == rounds * 2 * count, "the good consumer")
        final = self.stop()
        bad.kill(signal.SIGCONT)
        self.assertEqual(good.end(), (0, 0))
        self.assertEqual(bad.end(), (3, final["real_time_buffers_lost"]))
        self.assertEqual(final["events_lost"], 0)
        self.assertEqual(final["log_buffers_lost"], 0)
        self.assert_complete(good, count, threads=2 * rounds)
        logged = self.numbered("both.etl")
        self.assertEqual([len(s) for s in logged.values()], [count] * 2 * rounds)
        delivered = self.sequences(bad)
        for sequence in delivered.values():
            self.assertEqual(sequence, sorted(set(sequence)))
        newest = list(delivered.values())[-2:]
        self.assertEqual([s[-1] for s in newest], [count - 1] * 2, "it ends with the newest")
        self.check_etl(self.folder / "both.etl")

    def test_consumer_that_is_killed_leaves_the_rest_to_the_next_one(self):
        self.start("-rt")
        first = self.consumer("R")
        self.write("--count", 2000)
        wait_for(lambda: first.count() == 2000, "the events")
        first.kill(signal.SIGKILL)
        wait_for(lambda: self.status("R")["real_time_consumers"] == 0, "the consumer to be missed")
        self.write("--count", 3000)
        second = self.consumer("R")
        self.stop()
        self.assertEqual(second.end(), (0, 0))
        self.assertEqual([len(s) for s in self.sequences(second).values()], [3000])

    def test_interrupted_consumer_ends_well_and_the_session_goes_on(self):
        self.start("-rt")
        live = self.consumer("R")
        self.write("--count", 10)
        wait_for(lambda: live.count() == 10, "the events")
        live.kill(signal.SIGINT)
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, 10)
        wait_for(lambda: self.status("R")["real_time_consumers"] == 0, "the consumer to leave")
        self.stop()

    def test_watching_a_session_does_not_change_its_file(self):
        """Two sessions record the same; one is watched, one is not."""
        for name in ("Watched", "Alone"):
            self.start("-f", f"{name}.etl", *room(12), name=name)
        live = self.consumer("Watched")
        # On one processor: else a thread may move between the two copies of an event.
        writer = self.pinned_writer("--threads", 2, "--count", 20000, "--rate", 40000)
        count = writer.written()
        writer.finish()
        wait_for(lambda: live.count() == count, "the events")
        wait_for(lambda: self.status("Watched")["buffers_written"] ==
                 self.status("Alone")["buffers_written"], "as many buffers of either")
        live.kill(signal.SIGINT)
        self.assertEqual(live.end(), (0, 0))
        for name in ("Watched", "Alone"):
            self.assertEqual(self.stop(name)["events_lost"], 0)
            self.check_etl(self.folder / f"{name}.etl")

        def content(name):
            return [dict(record, time=None) for record in self.records(f"{name}.etl")
                    if record.get("event") == "Numbered"]

        for thread in range(2):
            def of_thread(records):
                return [r["fields"] for r in records if r["fields"]["thread"] == thread]
            self.assertEqual(of_thread(content("Watched")), of_thread(content("Alone")))
        self.assertEqual((self.folder / "Watched.etl").stat().st_size,
                         (self.folder / "Alone.etl").stat().st_size)
        self.assert_complete(live, 20000, threads=2)

    def test_watched_session_in_system_time(self):
        self.start("-f", "sys.etl", "-UseSystemTime", name="S")
        live = self.consumer("S")
        self.write("--count", 3000)
        wait_for(lambda: live.count() == 3000, "the events")
        self.stop("S")
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, 3000)
        times = [r["time"] for r in self.records("sys.etl") if r.get("event") == "Numbered"]
        self.assertEqual([e["time"] for e in live.events()], times)

    def test_text_goes_where_the_options_say(self):
        self.start("-rt")
        shown = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "R", "-displayonly"],
                                 env=self.env, cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        wait_for(lambda: self.status("R")["real_time_consumers"] == 1, "the consumer")
        self.write("--count", 3)
        lines = [shown.stdout.readline() for _ in range(3)]
        self.stop()
        out, errors = shown.communicate(timeout=DEADLINE)
        self.assertEqual(shown.returncode, 0)
        self.assertEqual(out, "")
        self.assertTrue(all("[Openetw.Test.Writer]" in line for line in lines), lines)
        self.assertRegex(errors, r"^Setting RealTime mode for  R\n"
                                 r"Searching for TMF files on path: \(null\)\n\n"
                                 r"Processing completed   "
                                 r"Buffers: \d+, Events: 3, EventsLost: 0 ")
        self.assertIn("Event Summary dumped to FmtSum.txt", errors)

    def test_names_that_no_session_has(self):
        self.start("-rt")
        for words, hint in ((["-rt", "Other"], "no such session is running"),
                            (["-rt"], "NT Kernel Logger does not run")):
            done = self.run_tool("tracefmt", *words, code=1)
            self.assertIn(hint, done.stderr)
            self.assertIn("[4201]", done.stderr)
        self.run_tool("tracefmt", "x.etl", "-rt", "R", code=2)


class Update(RealTimeTest):
    def test_file_in_an_update_ends_real_time(self):
        """T4a with a consumer: it is cut off, and nothing is in neither place."""
        self.start("-rt")
        live = self.consumer("R")
        # All of it fits into the buffers: a busy machine may let the host wait.
        writer = self.writer("--count", 4000, "--rate", 2000, "--hold")
        wait_for(lambda: live.count() > 100, "some events")
        self.tracelog("-update", "R", "-f", "mytrace.etl", "-max", "35")
        self.assertEqual(live.end(), (0, 0))
        status = self.status("R")
        self.assertEqual((self.mode() & REAL_TIME, status["maximum_buffers"],
                          status["real_time_consumers"]), (0, 35, 0))
        self.assertEqual(writer.written(), 4000)
        self.stop()
        writer.go()
        writer.finish()
        (before,) = self.sequences(live).values()
        (after,) = self.numbered("mytrace.etl").values()
        self.assertEqual(before + after, list(range(4000)))

    def test_backlog_goes_to_the_file_when_real_time_ends(self):
        self.start("-rt")
        self.write("--count", 5000)
        self.tracelog("-flush", "R")
        self.tracelog("-update", "R", "-f", "mytrace.etl")
        self.write("--count", 100)
        self.stop()
        self.assertEqual([len(s) for s in self.numbered("mytrace.etl").values()], [5000, 100])
        self.check_etl(self.folder / "mytrace.etl")

    def test_file_in_an_update_that_repeats_rt_makes_both(self):
        self.start("-rt")
        live = self.consumer("R")
        # All of it fits into the buffers: a busy machine may let the host wait.
        writer = self.writer("--count", 4000, "--rate", 2000, "--hold")
        wait_for(lambda: live.count() > 100, "some events")
        self.tracelog("-update", "R", "-rt", "-f", "mytrace.etl", "-max", "35")
        self.assertEqual(self.mode() & REAL_TIME, REAL_TIME)
        self.assertEqual(writer.written(), 4000)
        self.stop()
        writer.go()
        writer.finish()
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, 4000)
        (logged,) = self.numbered("mytrace.etl").values()
        self.assertEqual(logged, list(range(logged[0], 4000)))

    def test_rt_in_an_update_of_a_log_session_makes_both(self):
        self.start("-f", "both.etl")
        self.tracelog("-update", "R", "-rt")
        self.write("--count", 1000)  # backlog
        live = self.consumer("R")
        self.write("--count", 1000)
        self.stop()
        self.assertEqual(live.end(), (0, 0))
        self.assertEqual([len(s) for s in self.sequences(live).values()], [1000, 1000])
        self.assertEqual([len(s) for s in self.numbered("both.etl").values()], [1000, 1000])

    def test_another_file_without_rt_ends_real_time_too(self):
        self.start("-rt", "-f", "a.etl")
        live = self.consumer("R")
        self.tracelog("-update", "R", "-f", "b.etl")
        self.assertEqual(live.end(), (0, 0))
        self.assertEqual(self.mode() & REAL_TIME, 0)
        self.stop()

    def test_update_with_neither_leaves_real_time_on(self):
        self.start("-rt")
        self.tracelog("-update", "R", "-max", "70")
        self.assertEqual(self.mode() & REAL_TIME, REAL_TIME)
        live = self.consumer("R")
        self.write("--count", 10)
        self.stop()
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, 10)

    def test_rt_and_append_exclude_each_other_in_an_update_too(self):
        self.start("-f", "a.etl", "-append")
        done = self.tracelog("-update", "R", "-rt", code=1)
        self.assertIn("[87]", done.stderr)
        self.stop()


class Examples(RealTimeTest):
    """Section 7 of the reference, as typed there but for Windows' paths."""

    def start_my_trace(self, *options):
        (self.folder / "MyProvider.guid").write_text(f"{WRITER_GUID}\n")
        self.tracelog("-start", "MyTrace", "-guid", "MyProvider.guid", *options)

    def test_t4a_update_with_a_file_turns_real_time_off(self):
        self.start_my_trace("-rt")
        out = self.tracelog("-update", "MyTrace", "-f", "mytrace.etl", "-max", "35").stdout
        self.assertIn("Maximum Buffers:        35\n", out)
        self.assertIn(f"Log Filename:           {self.folder}/mytrace.etl\n", out)
        self.assertEqual(self.mode("MyTrace") & REAL_TIME, 0)

    def test_t4b_update_with_rt_and_a_file_makes_both(self):
        self.start_my_trace("-rt")
        self.tracelog("-update", "MyTrace", "-rt", "-f", "mytrace.etl", "-max", "35")
        status = self.status("MyTrace")
        self.assertEqual(self.mode("MyTrace") & REAL_TIME, REAL_TIME)
        self.assertEqual(status["log_file"], str(self.folder / "mytrace.etl"))

    def test_t4c_flush_delivers(self):
        self.start_my_trace("-rt")
        self.write("--count", 7)
        before = self.status("MyTrace")["buffers_written"]
        self.assertIn("Logger Name:            MyTrace\n", self.tracelog("-flush", "MyTrace").stdout)
        self.assertGreaterEqual(self.status("MyTrace")["buffers_written"], max(before, 1))

    def test_t10_real_time_session_is_consumed_until_it_stops(self):
        self.start_my_trace("-rt")
        tool = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "MyTrace", "-o", "mytrace.txt"],
                                env=self.env, cwd=self.folder, text=True, stdout=subprocess.PIPE)
        wait_for(lambda: self.status("MyTrace")["real_time_consumers"] == 1, "the consumer")
        self.write("--count", 20)
        self.tracelog("-stop", "MyTrace")
        out, _ = tool.communicate(timeout=DEADLINE)
        self.assertEqual(tool.returncode, 0)
        self.assertTrue(out.endswith("Event traces dumped to mytrace.txt\n"
                                     "Event Summary dumped to mytrace.txt.sum\n"), out)
        self.assertEqual(len((self.folder / "mytrace.txt").read_text().splitlines()), 20)
        self.assertFalse(list(self.folder.glob("*.etl")))

    def test_f5_display_and_file_at_once(self):
        self.start_my_trace("-rt")
        tool = subprocess.Popen([str(BIN / "tracefmt"), "-rt", "mytrace", "-display", "-o",
                                 "mytrace.txt"], env=self.env, cwd=self.folder, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: self.status("MyTrace")["real_time_consumers"] == 1, "the consumer")
        self.write("--count", 2)
        shown = [tool.stdout.readline() for _ in range(2)]
        self.tracelog("-stop", "MyTrace")
        _, reports = tool.communicate(timeout=DEADLINE)
        self.assertEqual("".join(shown), (self.folder / "mytrace.txt").read_text())
        self.assertTrue(reports.startswith("Setting RealTime mode for  mytrace\n"), reports)
        self.assertTrue(reports.endswith("Event traces dumped to mytrace.txt\n"
                                         "Event Summary dumped to mytrace.txt.sum\n"), reports)

    def test_t22_real_time_and_circular(self):
        (self.folder / "f.txt").write_text(f"{WRITER_GUID}\n")
        self.tracelog("-start", "wdiwpp", "-f", "x.etl", "-cir", "2", "-rt", "-ft", "1",
                      *room(16))
        self.tracelog("-enable", "wdiwpp", "-guid", "f.txt", "-level", "0x7fffffff", "-flag",
                      "0x7fffffff")
        live = self.consumer("wdiwpp")
        count = self.write("--count", 60000)
        wait_for(lambda: live.count() == count, "the events")
        self.assertEqual(self.stop("wdiwpp")["events_lost"], 0)
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, count)
        self.assertLessEqual((self.folder / "x.etl").stat().st_size, 2 << 20)
        (logged,) = self.numbered("x.etl").values()
        # A thread that moved left a block on its former CPU that is written, as old as it is, last.
        self.assertEqual(logged[-5000:], list(range(count - 5000, count)), "the newest")
        self.check_etl(self.folder / "x.etl", "--strict")

    def test_t25_real_time_and_a_file_of_any_name(self):
        self.tracelog("-start", "WMI_Trace_Session", "-guid", f"#{WRITER_GUID}", "-rt", "-level",
                      "5", "-flag", "0x7", "-f", "MYTRACE.BIN")
        self.write("--count", 50)
        self.assertIn("WMI_Trace_Session", self.tracelog("-l").stdout)
        self.tracelog("-q", "WMI_Trace_Session")
        self.tracelog("-flush", "WMI_Trace_Session")
        live = self.consumer("WMI_Trace_Session")
        self.tracelog("-stop", "WMI_Trace_Session")
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, 50)
        self.assertEqual([len(s) for s in self.numbered("MYTRACE.BIN").values()], [50])
        self.check_etl(self.folder / "MYTRACE.BIN")


class KilledHost(RealTimeTest):
    def under_fire(self, *options):
        """Kills the host while two consumers read; returns what was written and the final status."""
        self.start("-rt", *room(32), *options)
        consumers = [self.consumer("R"), self.consumer("R")]
        writer = self.writer("--threads", 2, "--count", 0, "--rate", 10000, "--until", "--hold")
        for _ in range(6):
            seen = consumers[0].count()
            self.kill_worker()
            wait_for(lambda: consumers[0].count() > seen, "the consumer to go on")
        writer.go()
        written = writer.written()
        wait_for(lambda: self.status("R")["real_time_consumers"] == 2, "both to come back")
        final = self.stop()
        writer.go()
        writer.finish()
        # A host that is slow to come back costs events; they are counted, and no buffer is lost.
        self.assertEqual(final["real_time_buffers_lost"], 0)
        for live in consumers:
            self.assertEqual(live.end(), (3 if final["events_lost"] else 0, 0))
            self.assert_accounted(live, written, final)
        return written, final

    def test_consumers_go_on_and_miss_nothing(self):
        self.under_fire()

    def test_consumers_of_a_session_with_a_file_go_on_and_miss_nothing(self):
        written, final = self.under_fire("-f", "k.etl")
        self.assertEqual(sum(map(len, self.numbered("k.etl").values())) + final["events_lost"],
                         written)
        self.check_etl(self.folder / "k.etl")

    def test_watchers_of_a_file_session_go_on(self):
        self.start("-f", "w.etl")
        live = self.consumer("R")
        self.write("--count", 100)
        wait_for(lambda: live.count() == 100, "the events")
        self.kill_hosts([self.worker()])
        wait_for(lambda: self.status("R")["real_time_consumers"] == 1, "the watcher to come back")
        self.write("--count", 200)
        wait_for(lambda: live.count() == 300, "the events after the kill")
        self.stop()
        self.assertEqual(live.end(), (0, 0))

    def test_keeper_and_host_killed_while_a_program_holds_the_rings(self):
        self.start("-rt")
        live = self.consumer("R")
        writer = self.writer("--count", 60000, "--rate", 20000, "--hold")
        wait_for(lambda: live.count() > 1000, "some events")
        self.kill_hosts(self.host_pids())
        # A consumer brings the host back, as any tool does.
        self.assertEqual(writer.written(), 60000)
        wait_for(lambda: self.status("R")["real_time_consumers"] == 1, "the consumer to come back")
        final = self.stop()
        writer.go()
        writer.finish()
        code, lost = live.end()
        (sequence,) = self.sequences(live).values()
        self.assertEqual(sequence, sorted(set(sequence)))
        if lost + final["events_lost"] == 0:
            self.assertEqual(sequence, list(range(60000)))
        else:
            self.assertEqual(code, 3)

    def test_backlog_survives_the_host(self):
        self.start("-rt")
        self.write("--count", 4000)
        self.tracelog("-flush", "R")
        self.kill_hosts([self.worker()])
        live = self.consumer("R")
        self.stop()
        self.assertEqual(live.end(), (0, 0))
        self.assert_complete(live, 4000)


if __name__ == "__main__":
    unittest.main()
