"""GDB commands for the trace buffers of a process: live, or in its core file.

    (gdb) source etw_gdb.py
    (gdb) etw sessions                  the sessions whose buffers are mapped here
    (gdb) etw dump SESSION FILE.etl     what these hold, as a log

Works without debug information and on stripped programs: every ring set begins with a magic number
and says of itself what is needed (RingSetDescription in lib/wire/ring.h). Of a buffered session it
writes what the buffers hold, of any other what its host has not taken out yet. The process is
stopped, but others of its user may be writing to the same buffers: they are read as the host reads
them for a snapshot (lib/host/recording/snapshot.h), from the newest block to the oldest.

Everything that is read from the process is untrusted.
"""
import collections
import re
import struct

import gdb

PAGE = 4096
MAGIC = 0x5445534752575445  # "ETWRGSET"
RING_VERSION = 3
DESCRIPTION = struct.Struct("<IIQIIIIIIIIqqQq40s1024s1024s")
DESCRIPTION_OFFSET = 256
CONTROL_SIZE = 384  # of RingControl: head, tail and lost, 128 bytes apart; filled[] follows
TAIL_OFFSET, LOST_OFFSET = 128, 256
OFFSET_BITS = 25
OVERWRITE = 1
FIRST = 72  # offset of the first record in a block: behind the buffer header
SYSTEM_TIME = 2

BUFFER_HEADER = struct.Struct("<IIIiqqQHHIIHHQQ")
SYSTEM_HEADER = struct.Struct("<HBBHHIIqII")
MAX_BUFFERS = 1 << 20

Description = collections.namedtuple(
    "Description", "size uid epoch slot mode cpus blocks block_size flags clock controller "
    "start_counter start_filetime hz boot boot_id session folder")
Record = collections.namedtuple("Record", "time time_offset data")


class BadRings(Exception):
    """The memory does not hold a ring set."""


def text_of(raw):
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def mappings():
    """(start, size) of every mapping of a ring's memory file."""
    listing = gdb.execute("info proc mappings", to_string=True)
    for line in listing.splitlines():
        found = re.match(r"\s*0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+.*/memfd:etw-ring", line)
        if found:
            start, end = (int(word, 16) for word in found.groups())
            yield start, end - start


def describe(start, size):
    """The checked description of the ring set at `start`."""
    page = read(start, PAGE)
    magic, version = struct.unpack_from("<QI", page)
    if magic != MAGIC or version != RING_VERSION:
        raise BadRings(f"{start:#x}: no ring set, or one of another version")
    d = Description(*DESCRIPTION.unpack_from(page, DESCRIPTION_OFFSET))
    d = d._replace(session=text_of(d.session), folder=text_of(d.folder), boot_id=text_of(d.boot_id))
    valid = (d.size == DESCRIPTION.size and 1 <= d.cpus <= 2048 and 2 <= d.blocks <= 1 << 20
             and 4096 <= d.block_size <= 16 << 20 and d.block_size % 1024 == 0 and d.hz > 0)
    if not valid or PAGE + d.cpus * ring_size(d) != size:
        raise BadRings(f"{start:#x}: the ring set does not describe its memory")
    return d


def pages(size):
    return (size + PAGE - 1) // PAGE * PAGE


def control_size(d):
    return pages(CONTROL_SIZE + 4 * d.blocks)


def ring_size(d):
    return control_size(d) + pages(d.blocks * d.block_size)


def to_raw(d, counter):
    """The time of a record in the log's clock."""
    if d.clock != SYSTEM_TIME:
        return counter
    ticks = (counter - d.start_counter) * 10_000_000
    raw = d.start_filetime + (ticks // d.hz if ticks >= 0 else -(-ticks // d.hz))
    return min(max(raw, -(1 << 62)), 1 << 62)


def to_filetime(d, counter):
    return to_raw(d._replace(clock=SYSTEM_TIME), counter)


# --- records -----------------------------------------------------------------------------------

# By header type: smallest size, where the size stands, where the time stands.
LAYOUTS = {0x01: (32, 4, 16), 0x02: (32, 4, 16), 0x03: (24, 4, 16), 0x04: (24, 4, 16),
           0x10: (16, 4, 8), 0x11: (16, 4, 8), 0x12: (80, 0, 16), 0x13: (80, 0, 16),
           0x0A: (48, 0, 16), 0x14: (48, 0, 16), 0x0B: (72, 0, 16), 0x15: (72, 0, 16)}


def message_layout(flags):
    at = 8 + (4 if flags & 0x01 else 0)
    at += 4 if flags & 0x04 else 16 if flags & 0x02 else 0
    time = 0
    if flags & 0x18:
        time, at = at, at + 8
    return at + (8 if flags & 0x20 else 0), 0, time


def records_of(data):
    """The records at the start of `data` that make sense, oldest first."""
    out, at = [], 0
    while len(data) - at >= 8:
        first, kind, marker, second, third = struct.unpack_from("<HBBHH", data, at)
        if marker == 0x90:
            smallest, size_at, time_at = message_layout(third)
        elif marker == 0xC0 and kind in LAYOUTS:
            smallest, size_at, time_at = LAYOUTS[kind]
        else:
            break
        size = second if size_at else first
        end = at + (size + 7) // 8 * 8
        if size < smallest or end > len(data):
            break
        time = struct.unpack_from("<q", data, at + time_at)[0] if time_at else None
        record = data[at:at + size].ljust(end - at, b"\0")
        out.append(Record(time, time_at, record))
        at = end
    return out


def ring_records(start, d, cpu):
    """The records of one processor, newest first, without a gap."""
    ring = start + PAGE + cpu * ring_size(d)
    overwrites = bool(d.flags & OVERWRITE)

    def position(offset):
        return struct.unpack("<Q", read(ring + offset, 8))[0]

    head = position(0)
    tail = 0 if overwrites else position(TAIL_OFFSET)
    offset_mask = (1 << OFFSET_BITS) - 1
    upper = None  # times never rise on the way back, whatever the process has stored
    block = head >> OFFSET_BITS
    for _ in range(d.blocks):
        def gone():
            return overwrites and block < (position(0) >> OFFSET_BITS) + 2 - d.blocks
        if block < 0 or block < tail >> OFFSET_BITS or gone():
            return
        index = block % d.blocks
        end = head & offset_mask
        if block != head >> OFFSET_BITS:
            end = struct.unpack("<I", read(ring + CONTROL_SIZE + 4 * index, 4))[0]
        begin = max(FIRST, tail & offset_mask) if block == tail >> OFFSET_BITS else FIRST
        if begin <= end <= d.block_size and begin % 8 == end % 8 == 0:
            data = read(ring + control_size(d) + index * d.block_size + begin, end - begin)
            if gone():  # writers were in it while it was copied
                return
            for record in reversed(records_of(data)):
                time = upper if record.time is None else record.time
                upper = time if upper is None or time is None else min(time, upper)
                yield record._replace(time=upper if upper is not None else d.start_counter)
        block -= 1


# --- the log -----------------------------------------------------------------------------------

def buffer_header(d, used, cpu, sequence, time, flags, kind=0):
    return BUFFER_HEADER.pack(d.block_size, used, used + (0 if kind else d.block_size), 0, time,
                              sequence, 0, cpu, d.slot + 1, 3, used, flags, kind, 0, 0)


def log_header(d, file_name, buffers, lost, end):
    """The log's first buffer: its header and the header event."""
    room = (min(d.block_size, 65535) - 72 - 32 - 0x118) // 4
    names = b"".join(name.encode("utf-16-le")[:2 * room - 2] + b"\0\0"
                     for name in (d.session, file_name))
    large = d.block_size > 1 << 20 or d.cpus > 256
    fixed = struct.pack(
        "<IBBBBIIqIIIIIIIIQQ172sIqqqII", d.block_size, 10, 0, 2 if large else 1, 0 if large else 5,
        19045, d.cpus, end, 40000, 0, d.mode & ~0x100, buffers, 1, 8, min(lost, 0xFFFFFFFF),
        (d.hz + 500_000) // 1_000_000, 0, 0, b"", 0, d.boot, d.hz, d.start_filetime, d.clock, 0)
    event = SYSTEM_HEADER.pack(2, 2, 0xC0, 32 + len(fixed) + len(names), 0, d.controller,
                               d.controller, to_raw(d, d.start_counter), 0, 0) + fixed + names
    used = (72 + len(event) + 7) // 8 * 8
    front = buffer_header(d, used, 0, 0, 0, 0x21, kind=4) + event
    return front.ljust(used, b"\0").ljust(d.block_size, b"\xff")


def lanes_of(sets):
    """By processor: its records of all the ring sets, oldest first."""
    for cpu in range(max(d.cpus for _, d in sets)):
        merged = []
        for start, d in sets:
            if cpu < d.cpus:
                merged += reversed(list(ring_records(start, d, cpu)))
        if len(sets) > 1:
            merged.sort(key=lambda record: record.time)  # stable: each ring keeps its order
        yield cpu, merged


def cut(d, records):
    """Runs of records that fill a buffer."""
    run, used = [], FIRST
    for record in records:
        if used + len(record.data) > d.block_size:
            yield run
            run, used = [], FIRST
        data = record.data
        if record.time_offset:
            raw = struct.pack("<q", to_raw(d, record.time))
            data = data[:record.time_offset] + raw + data[record.time_offset + 8:]
        run.append(data)
        used += len(data)
    if run:
        yield run


def write_log(sets, path):
    """Returns the number of events written."""
    d = sets[0][1]
    lanes = list(lanes_of(sets))
    last = max([record.time for _, records in lanes for record in records[-1:]],
               default=d.start_counter)
    runs = [(cpu, run) for cpu, records in lanes for run in cut(d, records)]
    if len(runs) >= MAX_BUFFERS:
        raise BadRings("more buffers than a log can hold")
    lost = sum(struct.unpack("<Q", read(start + PAGE + cpu * ring_size(s) + LOST_OFFSET, 8))[0]
               for start, s in sets for cpu in range(s.cpus))
    with open(path, "wb") as out:
        out.write(log_header(d, path, 1 + len(runs), lost, to_filetime(d, last)))
        for sequence, (cpu, run) in enumerate(runs, 1):
            data = b"".join(run)
            flags = 0x21 if sequence == len(runs) else 0x20
            header = buffer_header(d, FIRST + len(data), cpu, sequence, to_raw(d, last), flags)
            out.write((header + data).ljust(d.block_size, b"\xff"))
    return sum(len(records) for _, records in lanes)


# --- commands ----------------------------------------------------------------------------------

def sessions():
    """{(name, epoch): [(start, description), ...]} of all that is mapped, damage left out."""
    found = collections.defaultdict(list)
    for start, size in mappings():
        try:
            d = describe(start, size)
        except (BadRings, gdb.MemoryError, struct.error) as why:
            gdb.write(f"etw: {why}\n", gdb.STDERR)
            continue
        found[d.session, d.epoch].append((start, d))
    return found


class Etw(gdb.Command):
    """Trace sessions of the process: etw sessions, etw dump SESSION FILE.etl."""

    def __init__(self):
        super().__init__("etw", gdb.COMMAND_DATA, prefix=True)


class EtwSessions(gdb.Command):
    """Lists the sessions whose buffers this process has."""

    def __init__(self):
        super().__init__("etw sessions", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        found = sessions()
        for (name, _), sets in found.items():
            d = sets[0][1]
            kind = "buffered" if d.flags & OVERWRITE else "not yet written"
            gdb.write(f"{name}: {sum(s.cpus * s.blocks for _, s in sets)} buffers of "
                      f"{d.block_size // 1024} KB, {kind}\n")
        if not found:
            gdb.write("No trace buffers are mapped here; of a core file they are missing where "
                      "/proc/PID/coredump_filter leaves out shared anonymous memory (0x2).\n")


class EtwDump(gdb.Command):
    """Writes what the buffers of a session hold into a log: etw dump SESSION FILE.etl"""

    def __init__(self):
        super().__init__("etw dump", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) != 2:
            raise gdb.GdbError("etw dump SESSION FILE.etl")
        name, path = words
        matching = [sets for (session, _), sets in sessions().items()
                    if session.lower() == name.lower()]
        if not matching:
            raise gdb.GdbError(f"no buffers of a session '{name}' here; see etw sessions")
        if len(matching) > 1:
            raise gdb.GdbError(f"several sessions are called '{name}'")
        try:
            events = write_log(matching[0], path)
        except (BadRings, OSError, gdb.MemoryError) as why:
            raise gdb.GdbError(f"{path}: {why}") from why
        gdb.write(f"{path}: {events} events\n")


Etw()
EtwSessions()
EtwDump()
