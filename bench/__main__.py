"""Run every benchmark, or those named: `python -m bench [NAME …] [--rounds 15] [--acts 20] [--json]`.

What proves instead of comparing takes long, so it runs only when it is named: `python -m bench soak`.
"""

import subprocess
import sys
from pathlib import Path

_NOT_BENCHMARKS = {"__init__", "__main__", "harness", "ledgers"}
_WHEN_NAMED = {"soak"}


def main(arguments: list[str]) -> int:
    """Each in a process of its own, one after the other; the exit code of the first that fails, or 0."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NOT_BENCHMARKS)
    named = [argument for argument in arguments if argument in known]
    shared = [argument for argument in arguments if argument not in known]
    for name in named or [name for name in known if name not in _WHEN_NAMED]:
        print(f"Benchmark {name}", file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, "-m", f"bench.{name}", *shared], check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
