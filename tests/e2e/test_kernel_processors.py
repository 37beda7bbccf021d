"""Processors that do not run, or not yet: of machines to which some can be added, and of those that
sleep in between. Where a test may switch them (ETW_SWITCH_PROCESSORS: in a small machine of ours)."""
import os
import pathlib
import time
import unittest

from harness import wait_for
from kernel import HAS_TYPES
from test_kernel_kills import Actor, Kills

SECOND = pathlib.Path("/sys/devices/system/cpu/cpu1/online")


@unittest.skipUnless(os.environ.get("ETW_SWITCH_PROCESSORS"), "no machine to switch processors of")
class Processors(Kills):
    def switch(self, on):
        SECOND.write_text(str(int(on)))

    def setUp(self):
        super().setUp()
        self.addCleanup(self.switch, True)
        self.switch(False)

    def act_on_second(self, action, times):
        actor = Actor(self.folder, action)
        try:
            actor.act(0)
            os.sched_setaffinity(actor.pid, {1})
            actor.act(times)
        finally:
            actor.close()
        return actor

    def cpu_time(self, pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def test_a_session_begins_without_one_and_rests(self):
        self.start("-eflag", "PROC_THREAD+LOADER+NETWORKTRACE+CSWITCH")
        worker, begin = self.worker(), time.monotonic()
        before = self.cpu_time(worker)
        wait_for(lambda: time.monotonic() > begin + 3, "three seconds to have gone")
        self.assertLess(self.cpu_time(worker) - before, 1.5)
        actor = Actor(self.folder, "image")
        actor.act(50)
        actor.close()
        self.stop("T")
        self.assertEqual(self.of_image("Image/Load", actor), actor.count)
        self.assertTrue(self.events("Thread/CSwitch", "a.etl"))

    def check_one_that_begins(self, action, flag, found):
        """What happens before the host has met it is missing, and it is told that something is."""
        self.start("-eflag", flag)
        self.switch(True)
        first = self.act_on_second(action, 50)
        self.tracelog("-flush", "T")  # it has been met now
        second = self.act_on_second(action, 50)
        self.stop_and_count_lost()
        self.assertLessEqual(found(first), first.count)
        self.assertGreater(self.lost, 0)
        self.assertEqual(found(second), second.count)

    def test_images_on_one_that_begins(self):
        self.check_one_that_begins("image", "LOADER",
                                   lambda actor: self.of_image("Image/Load", actor))

    @unittest.skipUnless(HAS_TYPES, "this kernel has no type information (BTF)")
    def test_reads_on_one_that_begins(self):
        self.check_one_that_begins("read", "FILE_IO_INIT", lambda actor: sum(
            e["TTID"] == actor.pid and e["IoSize"] == 10
            for e in self.events("FileIo/Read", "a.etl")))

    def test_what_is_sent_on_one_that_begins(self):
        self.need_lengths()
        self.check_one_that_begins("stream", "NETWORKTRACE", lambda actor: sum(
            e["PID"] == actor.pid and e["size"] == 55 for e in self.of_net("TcpIp", "Send")))

    def test_one_that_sleeps_in_between(self):
        self.switch(True)
        self.start("-eflag", "LOADER")
        before = self.act_on_second("image", 50)
        self.tracelog("-flush", "T")
        self.switch(False)
        self.switch(True)
        self.tracelog("-flush", "T")
        after = self.act_on_second("image", 50)
        self.stop_and_count_lost()
        self.assertEqual(self.of_image("Image/Load", before), before.count)
        self.assertEqual(self.of_image("Image/Load", after), after.count)
        self.assertGreater(self.lost, 0)

    def test_a_worker_that_is_killed_without_one(self):
        self.start("-eflag", "LOADER")
        actor = Actor(self.folder, "image")
        self.kill_beside(actor, 50)
        self.stop_and_count_lost()
        self.check(self.of_image("Image/Load", actor), actor)


if __name__ == "__main__":
    unittest.main()
