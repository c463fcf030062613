"""Mutation test of the standalone verifier and the pure modules it stands on: `make mutants`.

Every mutant is a small fault put into the code; tests that stay green over one have not looked. Runs mutmut in a copy
of those modules and their tests alone, which need neither Django nor a database, and fails below the score that issue
and README promise.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ["audit/verify/*.py", "audit/chain.py", "audit/merkle.py", "audit/canonical.py", "audit/notes.py"]
BESIDE = [
    "audit/__init__.py",
    "audit/containers.py",
    "tests/audit/test_verifier.py",
    "tests/audit/test_merkle_proofs.py",
]
LEAST = 95.0  # percent of mutants killed
_CONFIGURATION = """[tool.mutmut]
source_paths = ["audit"]
only_mutate = [{modules}]
also_copy = ["tests"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "--hypothesis-seed=1"]
pytest_add_cli_args_test_selection = ["tests"]
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1, help="how many mutants to test at once (1)")
    parser.add_argument("--keep", metavar="DIR", help="work in this folder and leave it, for `mutmut show`")
    options = parser.parse_args()
    if options.keep:
        return _run(Path(options.keep), options.processes)
    with tempfile.TemporaryDirectory(prefix="carehome-mutants-") as folder:
        return _run(Path(folder), options.processes)


def _run(folder: Path, processes: int) -> int:
    for pattern in [*MODULES, *BESIDE]:
        for path in ROOT.glob(pattern):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    modules = ", ".join(f'"{pattern}"' for pattern in MODULES)
    (folder / "pyproject.toml").write_text(_CONFIGURATION.format(modules=modules))
    mutmut = [sys.executable, "-m", "mutmut"]
    subprocess.run([*mutmut, "run", "--max-children", str(processes)], cwd=folder, check=True)
    done = subprocess.run([*mutmut, "results", "--all", "true"], cwd=folder, check=True, capture_output=True, text=True)
    states = re.findall(r"^\s*(\S+__mutmut_\d+): (.+)$", done.stdout, re.M)
    left = [f"{name}: {state}" for name, state in states if state not in {"killed", "timeout", "caught by type check"}]
    killed = 100 * (1 - len(left) / len(states))
    print("\n".join([*left, f"{len(states) - len(left)} of {len(states)} mutants killed: {killed:.1f} %"]))
    return 0 if killed >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
