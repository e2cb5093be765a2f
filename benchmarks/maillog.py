"""Reading a mail log end to end, beside three others that read it: CPU seconds over the same file.

    python -m benchmarks.maillog [--lines 2000000] [--rounds 5] [--pflogsumm-only]

Ours is the agent's own account of the log from its first byte to its last: following, reading every
line, classifying, tallying, and a commit of the state for every eight mebibytes, with a real state
file. Beside it, each in turn in every round: pflogsumm (a report of totals), mtail with Debian's
postfix.mtail, and postfix_exporter, which starts at a log's end and so gets the file appended.
Whole processes, starts included (ours with its modules compiled, as installed), user and system
time of all their threads. Before the first round is believed, ours and pflogsumm's totals must
agree where both count. The memory is the peak above what the process had before it opened the log,
for a quarter of the file and for all of it.

Profile (least CPU time of many rounds around the parts, 15 % deliveries; shares of the account's
time, starts excluded): the one pattern over each chunk 36 % (clients, sizes and senders 15,
deliveries 13, lines without a fact 8), going through what it found and reading the odd lines one by
one 14 %, the tally 26 %, delays into buckets 10 %, a commit 5 %, following, counting lines and
storing 9 %. Of the tally a third are the few that were deferred or go to hosts not seen before:
what runs rarely finds a core's caches cold and takes ten times as long. The start, 0.15 to 0.2 s,
is a fifth of all at 400,000 lines and a twentieth at 2 million: imports for the most part (value
classes, whose methods Python writes and compiles each time, and patterns of replies).

What helped, of the whole: one pattern over whole chunks instead of a loop over lines (2 x), few
groups, since each costs with every match (20 to 14: 1.3 x), looking for cycles rarely (1.25 x),
chunks that with all that is found in them fit a core's own cache (1.1 x), fewer commits, refusals
taken apart only when asked for. What was sent counted from the pattern's own rows, without a
Delivery, its reply not even matched, a new address of a known host by its host, delays made buckets
chunk by chunk so that no text outlives it, lines without a fact told by fewer looks at their head:
10,670 instructions a line became 9,130 (callgrind; 13 to 17 % less CPU in pairs, a third less
memory), and with senders' domains counted beside it 9,870. Of the pattern alone: values ended by a
blank instead of sets of several bytes (a delivery 1,270 to 990 ns), other programs' lines told by
the first byte of the tag (facts -70 to -110 ns), branches for what may be missing instead of
repetitions (a delivery -8 %), messages that left the queue passed over until somebody asks (560 to
230 ns), any bytes as a line's head before what is passed over (45 ns a line), `.*` instead of sets
in mailboxes and clients (100 ns each). Elsewhere: daemon and instance by the pattern and not by a
table of tags, which misses the cache; newlines looked for by number (a delivery -300 ns: bytes in
bytes go by way of an exception), delays counted as bytes and not in Counters (-10 % of a commit),
lines counted once and by taking newlines out (88 to 22 ns).

What did not: one pattern for each kind of line (each goes over all of the lines), removing quiet
lines by substitution, splitting at what only deliveries have (as dear as the pattern's part, with
the rest still to be classed), classing lines by slices of them, atomic groups (which 3.10 has not),
`(?s:.{n})` for the time (-30 ns a line, and then every stamp must be looked at), facts before quiet
lines in the pattern (facts -135 ns, quiet lines +220), a literal list of daemons, fewer digits of a
process looked at, one group for all that ends a delivery (all within 2 %), chunks of half
or twice the size, tags remembered without their process, facts told apart by daemon first (nothing
that two runs do not differ by).

Measured, 2 million lines, 5 rounds of all four on two cores with nothing else running: ours 3.8 s
(the least 3.6), 7.6 x pflogsumm, 15.1 x mtail, 5.2 x postfix_exporter, 4.1 MiB above idle. What is
left is spread over the pattern's bytes, the rows it makes, and a look for each of what was sent in
four tables; by function of C (perf), starts included: matching 17 %, the interpreter's loop 16 %,
allocation and tuples 10 %, dictionaries 5 %, and none of the others above 2 %.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import maillog_lines, measure
from benchmarks.processes import cpu_seconds
from demo.processes import free_ports

MTAIL_PROGRAM = Path("/usr/share/doc/mtail/examples/postfix.mtail")
TARGETS = {"pflogsumm": 7.0, "mtail": 14.0, "postfix_exporter": 7.0}
UNWANTED = ("PYTHONDONTWRITEBYTECODE",)
STILL_SECONDS = 3.0  # without CPU, and the exporter has read all there is
# pflogsumm's words for what we count too.
_SUMMARY = re.compile(r"^ +(\d+)\s+(received|delivered|bounced|rejected)\b", re.MULTILINE)
_DEFERRALS = re.compile(r"^ +\d+\s+deferred\s+\((\d+)\s+deferrals?\)", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=measure.PAIRS_MIN)
    parser.add_argument("--pflogsumm-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mailfleet-bench-") as name:
        folder = Path(name)
        log, quarter = folder / "all.log", folder / "quarter.log"
        maillog_lines.write(quarter, lines=options.lines // 4)
        truth = maillog_lines.write(log, lines=options.lines)
        _check_totals(log, truth)
        small, large = (_ours(one)[1] for one in (quarter, log))
        runs = _runs(log, folder=folder, all_peers=not options.pflogsumm_only)
        found: dict[str, list[float]] = {who: [] for who in runs}
        for _ in range(max(options.rounds, measure.PAIRS_MIN)):
            for who, run in runs.items():
                found[who].append(run())
        _report(found, log=log, peaks=(small["peak_mib"], large["peak_mib"]))


def _runs(log: Path, *, folder: Path, all_peers: bool) -> dict[str, Callable[[], float]]:
    """By name, what runs once and gives its CPU seconds."""
    programs = folder / "mtail"
    programs.mkdir()
    (programs / "postfix.mtail").write_bytes(MTAIL_PROGRAM.read_bytes())
    mtail = ["mtail", "-one_shot", "-progs", str(programs), "-logs", str(log)]
    mtail += ["-log_dir", str(folder), "-address", "127.0.0.1", "-port", "0"]
    runs: dict[str, Callable[[], float]] = {
        "ours": lambda: _ours(log)[0],
        "pflogsumm": lambda: _cpu(["pflogsumm", str(log)])[0],
    }
    if all_peers:
        runs["mtail"] = lambda: _cpu(mtail)[0]
        runs["postfix_exporter"] = lambda: _exporter(log, folder=folder)
    return runs


def _ours(log: Path) -> tuple[float, Any]:
    """As installed: with the compiled files of its modules, once the first run has made them."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(log.parent / "compiled")}
    command = [sys.executable, "-m", "benchmarks.maillog_count", str(log)]
    seconds, said = _cpu(command, environment)
    return seconds, json.loads(said)


def _cpu(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[float, bytes]:
    """User and system time of one run, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def _exporter(log: Path, *, folder: Path) -> float:
    """postfix_exporter over a log that grows by the whole file at once."""
    target, (port,) = folder / "growing.log", free_ports(1)
    target.write_bytes(b"")
    command = ["prometheus-postfix-exporter", f"--postfix.logfile_path={target}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", f"--postfix.showq_path={folder}/none"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(STILL_SECONDS)
        with log.open("rb") as source, target.open("ab") as file:
            while block := source.read(1 << 20):
                file.write(block)
        used, last_used = 0.0, -1.0
        while used - last_used > 0.01:
            time.sleep(STILL_SECONDS)
            last_used, used = used, cpu_seconds(process.pid)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            removed = re.search(rb"^postfix_qmgr_messages_removed_total (\S+)", answer.read(), re.M)
        assert removed is not None, "postfix_exporter read something"
        assert float(removed[1]) == _removed(log), "postfix_exporter read all of it"
        return used
    finally:
        process.kill()
        process.wait()
        target.unlink()


def _removed(log: Path) -> int:
    with log.open("rb") as file:
        return sum(line.endswith(b": removed\n") for line in file)


def _check_totals(log: Path, truth: Mapping[str, int]) -> None:
    """Ours, pflogsumm's and what was written must be the same."""
    ours = _ours(log)[1]["totals"]
    said = _cpu(["pflogsumm", str(log)])[1].decode()
    theirs = {word: int(number) for number, word in _SUMMARY.findall(said)}
    deferrals = _DEFERRALS.search(said)
    pairs = {
        "sent": (ours["sent"], theirs["delivered"], truth["sent"]),
        "deferred": (ours["deferred"], int(deferrals[1]) if deferrals else 0, truth["deferred"]),
        "bounced": (ours["bounced"], theirs["bounced"], truth["bounced"]),
        "rejected": (ours["rejected"], theirs["rejected"], truth["rejected"]),
        "received": (ours["received"], theirs["received"], theirs["received"]),
    }
    differing = {word: three for word, three in pairs.items() if len(set(three)) != 1}
    assert not differing, f"ours, pflogsumm's, written: {differing}"


def _report(found: Mapping[str, list[float]], *, log: Path, peaks: tuple[float, float]) -> None:
    ours = found["ours"]
    lines = sum(1 for _ in log.open("rb"))
    ratios = {
        f"{who}'s CPU over ours (wanted: {TARGETS[who]:g})": statistics.median(
            theirs / one for one, theirs in zip(ours, times, strict=True)
        )
        for who, times in found.items()
        if who != "ours"
    }
    rows = [
        (who, len(times), statistics.median(times), min(times), lines / statistics.median(times))
        for who, times in found.items()
    ]
    ratios["peak MiB above idle, all of the file"] = peaks[1]
    ratios["peak MiB above idle, a quarter of it"] = peaks[0]
    measure.report(
        "maillog",
        columns=("reader", "rounds", "median CPU s", "least", "lines/s"),
        rows=rows,
        ratios=ratios,
        notes=(f"{lines} lines, {log.stat().st_size / 1e6:.0f} MB; totals agree with pflogsumm's",),
    )


if __name__ == "__main__":
    main()
