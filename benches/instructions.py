"""Counts the instructions of a few commands under valgrind, and fails when one takes over 5 % more than is on record.

    python3 benches/instructions.py [--twinmap target/release/twinmap] [--record]

Wall time on a shared machine says little; the number of instructions that a program takes for the same input is the same
each time, and valgrind shows every machine the same processor. It depends on the compiler: where another one than the
recorded one built the program, the counts are printed and held against nothing. `--record` writes them to
benches/instructions.json. A change that makes something dearer on purpose records anew and says so.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RECORD = HERE / "instructions.json"
PAIRS = 4000
MORE = 1.05


def workloads(work):
    example = ["-C", str(ROOT / "specs/hubspot-salesforce")]
    left, right, base = (str(work / f"{name}.jsonl") for name in ("left", "right", "base"))
    return {
        "check of the example": [*example, "check"],
        f"map of {PAIRS} companies": [*example, "map", "companies", "--from", "hubspot", "--in", left, "--threads", "1"],
        f"reconcile of {PAIRS} pairs": [*example, "reconcile", "companies", "--left", left, "--right", right,
                                        "--base", base, "--out", str(work / "out"), "--threads", "1"],
    }


def count(twinmap, arguments, work):
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work / 'callgrind'}", str(twinmap), *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode not in (0, 3) or not found:
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}\n{done.stderr}")
    return int(found.group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--twinmap", type=pathlib.Path, default=ROOT / "target/release/twinmap")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        subprocess.run([sys.executable, HERE / "rivals/reconcile/generate.py", folder, str(PAIRS)], check=True)
        counts = {name: count(args.twinmap.resolve(), arguments, work) for name, arguments in workloads(work).items()}
    if args.record:
        RECORD.write_text(json.dumps({"rustc": compiler, "instructions": counts}, indent=2) + "\n")
    record = json.loads(RECORD.read_text())
    comparable = record["rustc"] == compiler
    if not comparable:
        print(f"On record for {record['rustc']}; built by {compiler}: nothing is held against it.")
    dearer = []
    for name, found in counts.items():
        known = record["instructions"][name]
        print(f"{name}: {found:,} instructions, {found / known:.3f} of what is on record")
        if comparable and found > known * MORE:
            dearer.append(name)
    print(f"{len(counts) - len(dearer)} passed, {len(dearer)} failed")
    sys.exit(1 if dearer else 0)


if __name__ == "__main__":
    main()
