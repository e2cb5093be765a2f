"""Coverage-guided fuzzing of the log reader with atheris, for so many seconds over all targets.

    python -m tests.fuzz.run [--seconds 600] [--folder DIR]

The folder keeps what was found worth keeping, and goes on with it; a failing input is left there.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parents[1] / "corpus/maillog/lines.tsv"
INPUT_BYTES_MAX = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--target", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.target:
        fuzz(options.target, options.rest)
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="mailfleet-fuzz-"))
    from tests.fuzz.maillog_targets import TARGETS

    failed = [
        name
        for name in TARGETS
        if not run(name, folder=folder, seconds=max(1, options.seconds // len(TARGETS)))
    ]
    if failed:
        sys.exit(f"fuzz: {', '.join(failed)} failed; the inputs are in {folder}")


def run(name: str, *, folder: Path, seconds: int) -> bool:
    """Whether one target held for so long."""
    seeds = folder / name
    seeds.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(CORPUS.read_bytes().splitlines()):
        (seeds / f"line{number}").write_bytes(row.split(b"\t", 1)[1])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.run", "--target", name, "--"),
            *(f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-timeout=10"),
            *("-rss_limit_mb=1024", f"-artifact_prefix={folder}/{name}-", str(seeds)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr + done.stdout
    runs = re.search(r"Done (\d+) runs", said)
    if done.returncode or runs is None:
        sys.stdout.write(f"{name}: FAILED\n{said[-4000:]}\n")
        return False
    sys.stdout.write(f"{name}: {runs[1]} runs in {seconds} s, nothing found\n")
    return True


def fuzz(name: str, words: list[str]) -> None:
    """This process's own run; never returns."""
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports():
        from tests.fuzz.maillog_targets import TARGETS
    atheris.Setup([sys.argv[0], *words], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
