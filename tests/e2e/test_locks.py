"""Contended locks of each kind, of programs that know nothing of it."""
import os
import pathlib
import shutil
import subprocess

from harness import BIN, code_in
from test_heap import HeapTest
from test_stacks import functions

ROUNDS = 3
KINDS = ("plain", "recursive", "checking", "robust", "inheriting", "robust-inheriting", "timed",
         "timed-recursive", "timed-robust", "timed-inheriting", "read", "write", "write-read",
         "timed-read", "timed-write", "c11", "timed-c11", "own", "own-inheriting")
OF_GLIBC = ("adaptive", "clock", "clock-read", "clock-write", "ceiling", "timed-ceiling")
if os.uname().machine == "x86_64":
    KINDS += ("own-without-libc",)
# Whose owner the lock does not say: readers, and of musl also plain mutexes and writers.
OWNERLESS = ("write-read", "own", "own-without-libc")
OWNED_IN_MUSL = ("recursive", "checking", "robust", "timed-recursive", "timed-robust", "inheriting",
                 "robust-inheriting", "timed-inheriting", "own-inheriting")


class LocksTest(HeapTest):
    def contend(self, program, what, count=ROUNDS):
        """The lock's address, who waited and who had it."""
        program.process.stdin.write(f"{what} {count}\n")
        program.process.stdin.flush()
        done, address, waiter, holder, last = program.process.stdout.readline().split()
        self.assertEqual(done, "done")
        self.last = int(last)
        return int(address, 16), int(waiter), int(holder)

    def build(self, name, compiler, *options):
        if shutil.which(compiler) is None:
            self.skipTest(f"no {compiler}")
        source = pathlib.Path(__file__).with_name("locks.c")
        done = subprocess.run([compiler, "-O1", "-fno-omit-frame-pointer",
                               "-fno-optimize-sibling-calls", *options, "-o",
                               str(self.folder / name), str(source), "-lpthread"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot build: {done.stderr}")
        return self.folder / name

    def check_kinds(self, program, kinds, owned):
        """Each kind is told once for each time that it was waited for, with all that is known."""
        self.start("-critsec", program)
        expected = [(kind, *self.contend(program, kind)) for kind in kinds]
        self.assertEqual(self.stop(), 0)
        records = self.told("CritSec")
        for kind, address, waiter, holder in expected:
            waits, records = records[:ROUNDS], records[ROUNDS:]
            self.assertEqual(len(waits), ROUNDS, kind)
            for record in waits:
                fields = record["fields"]
                self.assertEqual(int(str(fields["CritSecAddr"]), 16), address, kind)
                self.assertEqual(record["tid"], waiter, kind)
                self.assertEqual(int(str(fields["OwningThread"]), 0),
                                 holder if kind in owned else 0, (kind, record))
                self.assertGreater(fields["WaitTime"], 0)
                found = functions(record["symbols"])
                self.assertTrue(any(found[i:i + 2] == ["take_lock", "work"]
                                    for i in range(len(found))), (kind, record["symbols"]))
        self.assertEqual(records, [])
        self.check_etl(self.folder / "a.etl")

    def check_crowd(self, program, kind):
        """Nobody is told of more often than the program has found its lock taken."""
        self.start("-critsec", program, options=("-f", f"{kind}.etl"))
        address, _, _ = self.contend(program, f"{kind}/crowd", 50)
        self.stop(code=None)
        records = self.told("CritSec", f"{kind}.etl")
        self.assertLessEqual(len(records), self.last, kind)
        for record in records:
            self.assertEqual(int(str(record["fields"]["CritSecAddr"]), 16), address)
            self.assertIn("be_one_of_crowd", functions(record["symbols"]))

    def check_once(self, program, *what):
        """However often a thread sleeps for a lock, it is told once."""
        self.start("-critsec", program)
        expected = [(w, *self.contend(program, w)) for w in what]
        self.assertEqual(self.stop(), 0)
        records = self.told("CritSec")
        for name, address, waiter, _ in expected:
            mine = [r for r in records if r["tid"] == waiter
                    and int(str(r["fields"]["CritSecAddr"]), 16) == address]
            self.assertEqual(len(mine), ROUNDS * sum(e[1] == address for e in expected), name)
        return records


class Contended(LocksTest):
    def locks(self):
        return self.program(BIN / "etw-test-locks")

    def test_each_kind_of_glibc(self):
        kinds = KINDS + OF_GLIBC
        self.check_kinds(self.locks(), kinds, [k for k in kinds if k not in OWNERLESS])

    def test_what_loses_a_lock_again_is_told_once(self):
        self.check_once(self.locks(), "plain/steal", "robust/steal", "timed/steal",
                        "timed-robust/steal", "inheriting/steal")

    def test_a_crowd(self):
        program = self.locks()
        for kind in ("plain", "robust", "inheriting", "timed", "timed-robust", "write"):
            self.check_crowd(program, kind)

    def test_a_writer_that_waits_for_writers_and_then_readers_is_told_once(self):
        records = self.check_once(self.locks(), "write/twice")
        self.assertEqual(len(records), 2 * ROUNDS)  # and the reader

    def test_the_mutex_of_a_condition(self):
        records = self.check_once(self.locks(), "plain/cond", "robust/cond", "inheriting/cond")
        for record in records:
            found = functions(record["symbols"])
            self.assertIn("take_lock", found)
            self.assertIn("wait_for_signal", found)

    def test_who_gives_up(self):
        program = self.locks()
        self.check_once(program, "timed/timeout")


class LinkedStatically(LocksTest):
    def test_each_kind_of_glibc(self):
        kinds = KINDS + OF_GLIBC
        program = self.program(self.build("locks", os.environ.get("ETW_CC", "cc"), "-static"))
        self.check_kinds(program, kinds, [k for k in kinds if k not in OWNERLESS])

    def test_without_symbols_its_waits_are_told_by_their_words(self):
        program = self.program(self.build("locks", os.environ.get("ETW_CC", "cc"), "-static", "-s"))
        self.start("-critsec", program)
        expected = [self.contend(program, kind) for kind in ("plain", "own")]
        self.assertEqual(self.stop(), 0)
        self.assertEqual([(r["tid"], int(str(r["fields"]["CritSecAddr"]), 16))
                          for r in self.told("CritSec")],
                         [(waiter, address) for address, waiter, _ in expected
                          for _ in range(ROUNDS)])


class Musl(LocksTest):
    def test_each_kind(self):
        self.check_kinds(self.program(self.build("locks", "musl-gcc")), KINDS, OWNED_IN_MUSL)

    def test_each_kind_linked_statically(self):
        self.check_kinds(self.program(self.build("locks", "musl-gcc", "-static")), KINDS,
                         OWNED_IN_MUSL)

    def test_what_loses_a_lock_again_is_told_once(self):
        self.check_once(self.program(self.build("locks", "musl-gcc")), "plain/steal",
                        "recursive/steal", "robust/steal", "timed/steal", "timed/timeout")

    def test_a_crowd(self):
        program = self.program(self.build("locks", "musl-gcc"))
        for kind in ("plain", "recursive", "robust", "timed", "write"):
            self.check_crowd(program, kind)


class OfPrograms(LocksTest):
    """Locks that are no library's, and waits of libraries that are for no lock."""
    def test_what_cxx_waits_for_without_pthreads(self):
        program = self.program(BIN / "etw-test-waits")
        self.start("-critsec", program)
        expected = {kind: self.contend(program, kind, 5)[0] for kind in ("counting", "atomic")}
        for kind in ("posix", "condition"):
            self.contend(program, kind, 5)
        self.assertEqual(self.stop(), 0)
        records = self.told("CritSec")
        self.assertEqual([int(str(r["fields"]["CritSecAddr"]), 16) for r in records],
                         [expected["counting"]] * 5 + [expected["atomic"]] * 5)
        for record in records:
            self.assertIn("wait_once", " ".join(functions(record["symbols"])))
            self.assertGreater(record["fields"]["WaitTime"], 0)

    def test_a_wait_that_a_signal_interrupts_is_one(self):
        program = self.program(BIN / "etw-test-locks")
        self.start("-critsec", program)
        address, waiter, _ = self.contend(program, "own/interrupted")
        self.assertEqual(self.stop(), 0)
        self.assertEqual([(r["tid"], int(str(r["fields"]["CritSecAddr"]), 16))
                          for r in self.told("CritSec")], [(waiter, address)] * ROUNDS)

    def test_a_program_that_the_process_turns_to_has_none(self):
        """Where its code lies is not known; the library's is, if it is the same."""
        program = self.program("bash", "-c", "echo ready; read; exec \"$0\"", BIN / "etw-test-locks")
        self.start("-critsec", program)
        program.process.stdin.write("\n")
        program.process.stdin.flush()
        self.assertEqual(program.process.stdout.readline(), "ready\n")
        self.contend(program, "own")
        address, *_ = self.contend(program, "plain")
        self.assertEqual(self.stop(), 0)
        self.assertEqual([int(str(r["fields"]["CritSecAddr"]), 16) for r in self.told("CritSec")],
                         [address] * ROUNDS)

    def test_processes_that_are_not_named_are_not_told(self):
        program, other = (self.program(BIN / "etw-test-locks") for _ in range(2))
        self.start("-critsec", program)
        self.contend(other, "own")
        self.contend(program, "own")
        self.assertEqual(self.stop(), 0)
        self.assertEqual([r["pid"] for r in self.told("CritSec")], [program.pid] * ROUNDS)


class Detached(LocksTest):
    def check_detached(self, program):
        before = code_in(program.pid)
        self.start("-critsec", program)
        self.contend(program, "plain")
        self.assertFalse(code_in(program.pid) == before)
        self.stop()
        self.assertTrue(code_in(program.pid) == before)
        for kind in KINDS:
            self.contend(program, kind, 1)
        self.assertEqual(program.close(), 0)

    def test_a_stop_leaves_glibc_as_it_was(self):
        self.check_detached(self.program(BIN / "etw-test-locks"))

    def test_a_stop_leaves_musl_as_it_was(self):
        self.check_detached(self.program(self.build("locks", "musl-gcc")))

    def test_what_waits_goes_on_when_the_session_stops(self):
        program = self.program(BIN / "etw-test-locks")
        for kind in ("plain", "robust", "inheriting", "timed", "write"):
            self.start("-critsec", program)
            program.process.stdin.write(f"{kind}/crowd 300\n")
            program.process.stdin.flush()
            self.stop(code=None)
            self.assertEqual(program.process.stdout.readline().split()[0], "done")
        self.assertEqual(program.close(), 0)

    def test_locks_that_are_free_cost_nothing(self):
        """Nothing that a lock which is free comes by has a breakpoint: one costs five microseconds
        at least, the lock itself some ten nanoseconds."""
        # With a ceiling, each one is system calls that change the thread's priority.
        self.check_free(self.program(BIN / "etw-test-locks"),
                        [k for k in KINDS + OF_GLIBC if "ceiling" not in k])

    def test_locks_of_musl_that_are_free_cost_nothing(self):
        self.check_free(self.program(self.build("locks", "musl-gcc")), KINDS)

    def check_free(self, program, kinds):
        self.start("-critsec", program)
        for kind in kinds:
            self.contend(program, kind + "/free", 20000)
            self.assertLess(self.last, 20000 * 2000, kind)
        self.assertEqual(self.stop(), 0)
        self.assertEqual(self.told("CritSec"), [])
