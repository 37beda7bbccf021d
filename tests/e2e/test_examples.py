"""The worked examples of the command reference, typed as they stand (paths adapted)."""
import os
import unittest

from harness import EndToEnd, OTHER_GUID, PATIENCE_MS, WRITER_GUID

THIRD_GUID = "dab01d4d-2d48-477d-b1c3-daad0ce6f06b"


class Examples(EndToEnd):
    def provider_file(self, *lines, name="MyProvider.guid"):
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def test_T1_start_with_nothing_but_a_name(self):
        out = self.tracelog("-start", "MyTrace").stdout
        self.assertTrue(out.startswith("Logger Started..."), out)
        self.assert_operation(out)
        self.assert_line(out, "Logger Name:", "MyTrace")
        log = self.folder / "LogFile.etl"
        self.assert_line(out, "Log Filename:", log)
        self.tracelog("-stop", "MyTrace")
        self.check_etl(log)

    def test_T2_start_with_a_provider(self):
        out = self.tracelog("-start", "MyTrace", "-guid", "#" + OTHER_GUID).stdout
        self.assertIn(f"Enabling {OTHER_GUID} (Flags = 0x00000000 Level = 0  ) to logger ", out)
        provider, = self.status("MyTrace")["providers"]
        self.assertEqual((provider["guid"], provider["level"]), (OTHER_GUID, 0))

    def test_T2_forms_that_a_shell_does_not_eat(self):
        for form in (OTHER_GUID, "{" + OTHER_GUID.upper() + "}"):
            with self.subTest(form):
                self.tracelog("-start", "Bare", "-guid", form, "-f", "bare.etl")
                self.assertEqual(self.status("Bare")["providers"][0]["guid"], OTHER_GUID)
                self.tracelog("-stop", "Bare")

    def test_T3_provider_file_flag_and_level(self):
        self.provider_file(WRITER_GUID, OTHER_GUID)
        (self.folder / "traces").mkdir()
        out = self.tracelog("-start", "MyTrace", "-guid", "MyProvider.guid", "-f",
                            "traces/testtrace.etl", "-flag", "2", "-level", "0xFFFF").stdout
        self.assert_line(out, "Log Filename:", self.folder / "traces" / "testtrace.etl")
        providers = self.status("MyTrace")["providers"]
        self.assertEqual({p["guid"]: (p["level"], p["match_any_keyword"]) for p in providers},
                         {WRITER_GUID: (255, "0x2"), OTHER_GUID: (255, "0x2")})

    def test_T5_enable_adds_and_replaces(self):
        self.provider_file(WRITER_GUID)
        self.writer("--wait")
        self.tracelog("-start", "MyTrace", "-f", "a.etl")
        before = self.status("MyTrace")
        self.tracelog("-enable", "MyTrace", "-guid", "MyProvider.guid")
        after = self.status("MyTrace")
        self.assertEqual([p["guid"] for p in after["providers"]], [WRITER_GUID])
        for name in ("buffer_size_kb", "maximum_buffers", "log_file", "log_mode"):
            self.assertEqual(after[name], before[name])
        self.tracelog("-start", "Other", "-f", "b.etl", "-guid", "MyProvider.guid")
        self.assertEqual(self.status("Other")["providers"], after["providers"])
        self.tracelog("-enable", "MyTrace", "-guid", "MyProvider.guid", "-flag", "2", "-level", "2")
        provider, = self.status("MyTrace")["providers"]
        self.assertEqual((provider["level"], provider["match_any_keyword"]), (2, "0x2"))

    def test_T5_level_and_keyword_decide_what_is_recorded(self):
        self.start_host()
        writer = self.writer("--count", 10, "--wait")
        self.tracelog("-start", "Low", "-f", "low.etl", "-guid", WRITER_GUID, "-level", "3")
        self.tracelog("-start", "Other", "-f", "key.etl", "-guid", WRITER_GUID, "-matchanykw", "2")
        self.tracelog("-start", "Both", "-f", "both.etl", "-guid", WRITER_GUID, "-level", "4",
                      "-matchanykw", "1", "-timeout", PATIENCE_MS)
        writer.go()
        writer.finish()
        for name, log, count in (("Low", "low.etl", 0), ("Other", "key.etl", 0),
                                 ("Both", "both.etl", 10)):
            self.tracelog("-stop", name)
            self.assertEqual(sum(map(len, self.numbered(log).values())), count, name)

    def test_T6_stop_shows_the_end_and_the_session_is_gone(self):
        self.tracelog("-start", "MyTrace", "-f", "a.etl")
        out = self.tracelog("-stop", "mytrace").stdout
        self.assert_operation(out)
        self.assert_line(out, "Events Lost:", 0)
        self.assert_operation(self.tracelog("-q", "MyTrace", code=1).stdout, 4201)
        self.assertNotIn("MyTrace", self.tracelog("-l").stdout)

    def test_T8_buffers_and_bare_hex_level(self):
        self.provider_file(WRITER_GUID)
        out = self.tracelog("-start", "MyTrace", "-guid", "MyProvider.guid", "-f", "testtrace.etl",
                            "-flag", "2", "-level", "ffff", "-b", "128", "-min", "10", "-max",
                            "30").stdout
        self.assert_line(out, "Buffer Size:", "128 Kb")
        self.assert_line(out, "Maximum Buffers:", 30)
        self.assert_line(out, "Minimum Buffers:", 10)
        self.assertEqual(self.status("MyTrace")["providers"][0]["level"], 255)

    def fill(self, count, *start):
        writer = self.writer("--count", count, "--fill", 400, "--wait")
        self.start_recording("MyTrace", *start)
        writer.go()
        writer.finish()

    def test_T9a_circular_keeps_the_newest(self):
        self.fill(20000, "-f", "testtrace.etl", "-cir", "2", "-max", "1000")
        self.tracelog("-stop", "MyTrace")
        log = self.folder / "testtrace.etl"
        self.assertLessEqual(log.stat().st_size, 2 << 20)
        sequence, = self.numbered(log).values()
        self.assertEqual(sequence[-1], 19999)
        # A thread that moved left a block on its former CPU that is written, as old as it is, last.
        self.assertEqual(sequence[-3000:], list(range(17000, 20000)))
        self.assertGreater(sequence[0], 0)

    def test_T9a_without_its_number_it_is_sequential(self):
        out = self.tracelog("-start", "MyTrace", "-f", "testtrace.etl", "-cir").stdout
        self.assert_line(out, "Log Mode:", "Sequential")

    def test_T9b_preallocated_and_trimmed(self):
        self.fill(100, "-f", "testtrace.etl", "-seq", "128", "-prealloc")
        log = self.folder / "testtrace.etl"
        self.assertEqual(log.stat().st_size, 128 << 20)
        self.assertGreaterEqual(log.stat().st_blocks * 512, 128 << 20)
        self.tracelog("-stop", "MyTrace")
        self.assertLess(log.stat().st_size, 1 << 20)
        self.check_etl(log)

    def test_T9b_sequential_stops_at_its_limit(self):
        self.fill(20000, "-f", "testtrace.etl", "-seq", "1", "-max", "1000")
        done = self.tracelog("-stop", "MyTrace", code=None)
        self.assertIn(done.returncode, (0, 1, 3))
        log = self.folder / "testtrace.etl"
        self.assertLessEqual(log.stat().st_size, 1 << 20)
        self.assert_prefixes(self.numbered(log))
        self.check_etl(log)

    def test_T9c_new_files(self):
        self.fill(10000, "-f", "testtrace%d.etl", "-newfile", "1", "-max", "1000")
        self.tracelog("-stop", "MyTrace")
        logs = sorted(self.folder.glob("testtrace*.etl"),
                      key=lambda p: int(p.stem.removeprefix("testtrace")))
        self.assertGreater(len(logs), 2)
        self.assertEqual(logs[0].name, "testtrace1.etl")
        for log in logs:
            self.assertLessEqual(log.stat().st_size, 1 << 20)
            self.check_etl(log)
        sequence, = self.numbered(*logs).values()
        self.assertEqual(sequence, list(range(10000)))

    def test_T14_two_providers_one_file(self):
        self.provider_file(WRITER_GUID, THIRD_GUID, name="2guids.guid")
        self.start_host()
        writer = self.writer("--count", 5, "--wait")
        self.tracelog("-start", "MyTraces", "-guid", "2guids.guid", "-f", "mytraces.etl")
        listed = self.tracelog("-enumguid").stdout.splitlines()
        self.assertEqual(listed[1], "-" * 60)
        line, = (line for line in listed if line.startswith(WRITER_GUID))
        self.assertEqual(line[36:46].strip(), "TRUE")
        self.tracelog("-enable", "MyTraces", "-guid", "#" + WRITER_GUID, "-flag", "2", "-level", "1")
        self.tracelog("-enable", "MyTraces", "-guid", "#" + THIRD_GUID, "-flag", "3", "-level",
                      "ffff")
        self.assertEqual(
            {p["guid"]: (p["level"], p["match_any_keyword"])
             for p in self.status("MyTraces")["providers"]},
            {WRITER_GUID: (1, "0x2"), THIRD_GUID: (255, "0x3")})
        writer.go()
        writer.finish()

    def test_T26_option_order_and_values_from_the_file(self):
        self.provider_file(f"{WRITER_GUID};0xFFFFFFFF;5", "; a comment", name="k.ctl")
        self.tracelog("-f", "f.etl", "-start", "kmdfsession", "-guid", "k.ctl")
        provider, = self.status("kmdfsession")["providers"]
        self.assertEqual((provider["level"], provider["match_any_keyword"]), (5, "0xffffffff"))

    def test_T27_name_hash(self):
        for name in ("*MyCompany.MyComponent", "MyCompany.MyComponent"):
            with self.subTest(name):
                self.tracelog("-start", "MyTrace", "-f", "a.etl", "-guid", name, "-level", "5",
                              "-matchanykw", "0xf")
                provider, = self.status("MyTrace")["providers"]
                self.assertEqual(provider["guid"], "ce5fa4ea-ab00-5402-8b76-9f76ac858fb5")
                self.assertEqual((provider["level"], provider["match_any_keyword"]), (5, "0xf"))
                self.tracelog("-stop", "MyTrace")


class Misuse(EndToEnd):
    """Table 1.8, as far as it concerns trace log sessions."""

    def refused(self, code, *words):
        done = self.tracelog(*words, code=1)
        self.assertIn(f"Operation Status:       {code}L", done.stdout + done.stderr)
        return done

    def test_running_name(self):
        self.tracelog("-start", "Ärger Σ", "-f", "a.etl")
        done = self.refused(183, "-start", "äRGER ς", "-f", "b.etl")
        self.assertEqual(done.stderr, "tracelog: a session 'Ärger Σ' is already running [183]\n")
        self.assertFalse((self.folder / "b.etl").exists())

    def test_session_that_is_not_there(self):
        for words in (["-stop", "A"], ["-q", "A"], ["-flush", "A"], ["-update", "A", "-ft", "1"],
                      ["-enable", "A", "-guid", WRITER_GUID]):
            with self.subTest(words):
                done = self.refused(4201, *words)
                self.assertEqual(done.stderr.count("'A'"), 1, done.stderr)

    def test_newfile_without_percent_d(self):
        self.refused(123, "-start", "A", "-f", "a.etl", "-newfile", "1")
        self.refused(123, "-start", "A", "-newfile", "1")

    def test_file_of_another_session(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        self.refused(161, "-start", "B", "-f", "a.etl")
        self.tracelog("-start", "B", "-f", "b.etl")
        self.refused(161, "-update", "B", "-f", "a.etl")

    def test_conflicting_modes(self):
        for words in (["-seq", "1", "-cir", "1"], ["-cir", "1", "-newfile", "1"],
                      ["-cir", "1", "-append"], ["-prealloc"]):
            with self.subTest(words):
                self.refused(87, "-start", "A", "-f", "a%d.etl", *words)

    def test_sixty_fifth_session(self):
        for n in range(64):
            self.tracelog("-start", f"S{n}", "-f", f"s{n}.etl", "-b", "4")
        self.refused(1450, "-start", "S64", "-f", "s64.etl")
        self.assertFalse((self.folder / "s64.etl").exists())
        self.assertEqual(len(self.sessions()), 64)

    def test_ninth_session_of_one_provider(self):
        for n in range(8):
            self.tracelog("-start", f"S{n}", "-f", f"s{n}.etl", "-guid", WRITER_GUID)
        self.tracelog("-start", "S8", "-f", "s8.etl")
        done = self.tracelog("-enable", "S8", "-guid", WRITER_GUID, code=1)
        self.assertIn("1450", done.stdout + done.stderr)

    def test_ignored_in_update(self):
        self.tracelog("-start", "A", "-f", "a.etl")
        before = self.status("A")
        self.tracelog("-update", "A", "-b", "128", "-max", "100")
        after = self.status("A")
        self.assertEqual(after["buffer_size_kb"], before["buffer_size_kb"])
        self.assertEqual(after["maximum_buffers"], 100)

    def test_more_space_asked_for_than_there_is(self):
        self.refused(112, "-start", "A", "-f", "a.etl", "-seq", "1000000000", "-prealloc")
        self.assertFalse((self.folder / "a.etl").exists())

    def test_folder_that_is_not_there(self):
        done = self.refused(3, "-start", "A", "-f", "nowhere/a.etl")
        self.assertEqual(done.stderr, f"tracelog: 'A': cannot open '{self.folder}/nowhere/a.etl': "
                         f"the folder '{self.folder}/nowhere' does not exist; make it, or name "
                         "another [3]\n")

    def test_paths_where_no_log_can_be(self):
        (self.folder / "folder").mkdir()
        (self.folder / "file").write_text("")
        os.mkfifo(self.folder / "pipe")
        (self.folder / "circle").symlink_to("circle")
        (self.folder / "lost").symlink_to("gone/a.etl")
        self.tracelog("-start", "Runs", "-f", "runs.etl")
        before = sorted(p.name for p in self.folder.iterdir())
        for path, code, cause in (("/proc/x.etl", 161, "'/proc' takes no new files; name a file"),
                                  ("folder", 161, "it is a folder; name a file in it"),
                                  ("new.etl/", 161, "it ends in / as a folder does; name a file"),
                                  ("pipe", 161, "it is a pipe, where no log can go; name a file"),
                                  ("/dev/null", 161, "it is a device, where no log can go; name"),
                                  ("file/a.etl", 3, "file' is a file, not a folder; name another"),
                                  ("circle", 123, "leads in a circle; remove it, or name another"),
                                  ("lost", 3, "is a link to 'gone/a.etl', which is not there; mend"),
                                  ("x" * 256, 123, "has 256 bytes, 255 are the most; shorten it")):
            for words in (["-start", "A"], ["-update", "Runs"]):
                with self.subTest(path=path, command=words[0]):
                    done = self.refused(code, *words, "-f", path)
                    self.assertIn(f"'{words[1]}': cannot open '{self.folder / path}", done.stderr)
                    self.assertIn(cause, done.stderr)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), before)
        self.assertEqual(self.status("Runs")["log_file"], str(self.folder / "runs.etl"))

    def test_a_path_through_links_is_the_one_that_the_system_finds(self):
        (self.folder / "a" / "b").mkdir(parents=True)
        (self.folder / "link").symlink_to("a/b")
        (self.folder / "log").symlink_to("a/real.etl")
        for path, log in (("link/../up.etl", "a/up.etl"), ("link/./in.etl", "a/b/in.etl"),
                          ("a/../here.etl", "here.etl"), ("log", "a/real.etl")):
            with self.subTest(path):
                self.tracelog("-start", "A", "-f", path)
                self.tracelog("-stop", "A")
                self.assertTrue((self.folder / log).is_file())
        self.assertEqual(sorted(p.name for p in self.folder.rglob("*.etl")),
                         ["here.etl", "in.etl", "real.etl", "up.etl"])

    @unittest.skipIf(os.geteuid() != 0, "as root, to become somebody else")
    def test_paths_without_rights(self):
        (self.folder / "theirs.etl").write_text("")
        (self.folder / "shut").mkdir(mode=0o700)
        self.runtime.mkdir(mode=0o700)
        os.chown(self.runtime, 65534, 65534)
        for path, cause in (("a.etl", f"to make files in the folder '{self.folder}'; name another"),
                            ("shut/a.etl", f"to look into the folder '{self.folder}/shut'; name"),
                            ("theirs.etl", "to read and write it; change that, or name another")):
            with self.subTest(path=path):
                done = self.tracelog("-start", "A", "-f", path, code=1, user=65534)
                self.assertIn("Operation Status:       5L", done.stdout)
                self.assertIn(f"you have no right {cause}", done.stderr)

    def test_usage(self):
        self.assertIn("no action specified", self.tracelog(code=2).stderr)
        self.assertIn("stray", self.tracelog("-start", "A", "stray", code=2).stderr)
        self.assertIn("#", self.tracelog("-start", "A", "-guid", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
