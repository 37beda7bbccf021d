#!/usr/bin/env python3
"""Usage: check_misfits.py COMPILER OPTION...

A trace message whose values do not fit its format must not compile, with the reason in the error;
one that fits must, without a warning.
"""
import subprocess
import sys

HEAD = """
#define WPP_CONTROL_GUIDS \\
    WPP_DEFINE_CONTROL_GUID(Misfits, (d58c126f,b309,11d1,969e,0000f875a5bc), WPP_DEFINE_BIT(FLAG))
#include <etw/trace_message.h>
struct pair { int a, b; };
void f(int i, long l, double d, const char* s, const wchar_t* w, const GUID* g, struct pair p);
void f(int i, long l, double d, const char* s, const wchar_t* w, const GUID* g, struct pair p) {
    (void)i, (void)l, (void)d, (void)s, (void)w, (void)g, (void)p;
"""
FIRST = "value 1 does not fit"
SECOND = "value 2 does not fit"
COUNT = "another number of values"
CASES = [
    ('"%d %ld %f %s %S %!GUID! %p %c", i, l, d, s, w, g, (const void*)s, i', None),
    ('"%hd %hhx %lld %zu %I64x %5.3d %-08x", i, i, l, l, l, i, i', None),
    ('"100%% %!FUNC! %!LEVEL! %d", i', None),
    ('"%!ERRNO! %!STATUS! %!unknown! %!PORT!", i, i, i, (unsigned short)i', None),
    ('"%d", l', FIRST),
    ('"%ld", i', FIRST),
    ('"%d", d', FIRST),
    ('"%d", s', FIRST),
    ('"%f", i', FIRST),
    ('"%s", i', FIRST),
    ('"%s", w', FIRST),
    ('"%ls", s', FIRST),
    ('"%d %s", i, i', SECOND),
    ('"%d %d %d %d %d", i, i, i, i, s', "behind the fourth"),
    ('"%d"', COUNT),
    ('"%d", i, i', COUNT),
    ('"none", i', COUNT),
    ('"%!FUNC!", s', COUNT),
    ('"%*d", i, i', FIRST),
    ('"%y", i', FIRST),
    ('"100%", i', FIRST),
    ('"%n", &i', FIRST),
    ('"%d", p', FIRST),
    ('"%p", p', FIRST),
    ('"%p", l', FIRST),
    ('"%!GUID!", i', FIRST),
    ('"%!ERRNO!", l', FIRST),
    ('"%!PORT!", i', FIRST),
    ('"%!TIMESTAMP!", i', FIRST),
    ('"%!HEXDUMP!", s', FIRST),
    ('"%!list!", l', FIRST),
    ('"%!list!", s', FIRST),
    ('"%%%%%%%%%%%%"', "too many %"),
]


def main():
    compiler = sys.argv[1:]
    failed = 0
    for call, reason in CASES:
        source = f"{HEAD}    DoTraceMessage(FLAG, {call});\n}}\n"
        run = subprocess.run(
            [*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror",
             "-c", "-o", "/dev/null", "-"],
            input=source, text=True, capture_output=True)
        good = run.returncode == 0 if reason is None else \
            run.returncode != 0 and reason in run.stderr
        if not good:
            failed += 1
            print(f"{call}: expected {reason or 'no error'}, exit {run.returncode}\n{run.stderr}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
