"""All figures of docs/PERFORMANCE.md about `map` and `reconcile`, in one go, as ratios of programs that run in turn.

    python3 benches/rivals/measure.py [--records 1000000] [--pairs 1000000] [--rounds 5] [--work DIR] [--only map,reconcile]

Builds twinmap and the rivals (release), makes the inputs in the work folder (about 6 GB with the defaults), checks that
the outputs say the same, and prints tables in Markdown. In each round every program runs once, one after the other; a
ratio is the first program's time by the other's in the same round, and the median of the rounds is printed. Needs
`/usr/bin/time`. Nothing else should run meanwhile: the load before and after is printed too.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def sh(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, **more)


def timed(command, out):
    """Wall and processor seconds, peak MiB."""
    # A child of Python begins with Python's peak: a small process between them has none.
    peak = pathlib.Path(f"{out}.peak")
    between = ["/usr/bin/time", "-q", "-f", "%M", "-o", peak]
    with open(out, "wb") as sink:
        start = time.perf_counter()
        child = subprocess.Popen([str(part) for part in [*between, *command]], stdout=sink, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    child.returncode = code
    if code not in (0, 3):
        sys.exit(f"{command}: ended with {code}")
    return wall, usage.ru_utime + usage.ru_stime, int(peak.read_text()) / 1024


def first_byte(command):
    """Seconds to the first byte of the output."""
    start = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdout.read(1)
    passed = time.perf_counter() - start
    child.kill()
    child.wait()
    return passed


def table(title, programs, rounds, out):
    """Runs the programs in turn; the first one is compared with each."""
    print(f"\n### {title}\n\n| program | wall s | processor s | peak MiB | wall: the first takes | processor: the first takes |")
    print("|---|---|---|---|---|---|", flush=True)
    runs = {name: [] for name, _ in programs}
    for name, command in programs:
        timed(command, out / "warm")
    for _ in range(rounds):
        for name, command in programs:
            runs[name].append(timed(command, out / name.replace(" ", "-").replace("/", "-")))
    first = runs[programs[0][0]]
    for name, _ in programs:
        wall, cpu, peak = (statistics.median(run[at] for run in runs[name]) for at in range(3))
        by = [statistics.median(base[at] / one[at] for one, base in zip(runs[name], first)) for at in range(2)]
        print(f"| {name} | {wall:.3f} | {cpu:.3f} | {peak:.0f} | {by[0]:.2f} times | {by[1]:.2f} times |", flush=True)


def versions():
    said = [sh("rustc", "--version", capture_output=True, text=True).stdout.strip()]
    for lock in (HERE / "Cargo.lock", HERE / "vrl" / "Cargo.lock"):
        name = None
        for line in lock.read_text().splitlines():
            if line.startswith("name = "):
                name = line.split('"')[1]
            elif line.startswith("version = ") and name in ("sonic-rs", "simd-json", "serde_json", "vrl"):
                said.append(f"{name} {line.split(chr(34))[1]}")
    for module in ("duckdb", "orjson"):
        try:
            said.append(f"{module} {__import__(module).__version__}")
        except ImportError:
            said.append(f"{module}: not there (pip install {module}), left out")
    print("Versions: " + ", ".join(dict.fromkeys(said)) + ", Python " + sys.version.split()[0])


def has(module):
    try:
        __import__(module)
        return True
    except ImportError:
        return False


def measure_map(twinmap, args, work):
    bin = HERE / "target/release"
    plan = work / "accounts.syncplan"
    sh(twinmap, "-C", HERE / "project", "compile", "-o", plan, stdout=subprocess.DEVNULL)
    for passes in (30, 100):
        file = work / f"{passes}-{args.records}.jsonl"
        if not file.exists():
            with open(file, "wb") as sink:
                sh(bin / "generate", args.records, passes, stdout=sink)
        ours = [twinmap, "map", "accounts", "--from", "hubspot", "--plan", plan, "--in", file]
        programs = [("twinmap", ours), ("twinmap, 2 threads", [*ours, "--threads", "2"])]
        programs += [(name, [bin / name, file]) for name in ("raw-slices", "typed-sonic", "typed-simd", "typed-serde")]
        table(f"map, {args.records} records, {passes} % pass", programs, args.rounds, work)
        for name in ("twinmap,-2-threads", "typed-sonic", "raw-slices"):
            sh(bin / "same", work / "twinmap", work / name)
        slow = []
        if has("orjson"):
            slow.append(("orjson", [sys.executable, HERE / "scripts/map_orjson.py", file]))
        if has("duckdb"):
            slow.append(("duckdb", [sys.executable, HERE / "scripts/map_duckdb.py", file, work / "duck.out"]))
        vrl = HERE / "vrl/target/release/rival-vrl"
        if vrl.exists():
            slow.append(("vrl", [vrl, file]))
        table(f"map, {passes} % pass, against slower ones", [programs[0], *slow], min(args.rounds, 3), work)
        small = work / f"{passes}-10000.jsonl"
        with open(small, "wb") as sink:
            sh("head", "-n", "10000", file, stdout=sink)
        _, _, peak = timed([small if part == file else part for part in ours], work / "small")
        first = statistics.median(first_byte(ours) for _ in range(9))
        print(f"\nPeak with 10,000 records {peak:.0f} MiB. First byte of the output after {first * 1000:.1f} ms.")


def measure_reconcile(twinmap, args, work):
    folder = work / f"pairs-{args.pairs}"
    if not (folder / "base.jsonl").exists():
        sh(sys.executable, HERE / "reconcile/generate.py", folder, args.pairs)
    ours = [twinmap, "-C", ROOT / "specs/hubspot-salesforce", "reconcile", "companies", "--left", folder / "left.jsonl",
            "--right", folder / "right.jsonl", "--base", folder / "base.jsonl", "--out", work / "reconcile.out"]
    programs = [("twinmap reconcile, 2 threads", [*ours, "--threads", "2"]), ("twinmap reconcile, 1 thread", [*ours, "--threads", "1"])]
    if has("duckdb"):
        duck = [sys.executable, HERE / "reconcile/duck.py", folder, work / "duck-reconcile.out", "2"]
        programs.append(("duckdb, 2 threads", duck))
    table(f"reconcile, {args.pairs} pairs, 5 % edited on each side", programs, args.rounds, work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, default=HERE / "target/measure")
    parser.add_argument("--only", default="map,reconcile")
    parser.add_argument("--twinmap", type=pathlib.Path, help="this binary instead of building one")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.twinmap is None:
        sh("cargo", "build", "--release", "--locked", cwd=ROOT)
    sh("cargo", "build", "--release", "--locked", cwd=HERE)
    sh("cargo", "build", "--release", "--locked", cwd=HERE / "vrl")
    twinmap = (args.twinmap or ROOT / "target/release/twinmap").resolve()
    print("Load before: " + " ".join(f"{load:.2f}" for load in os.getloadavg()))
    versions()
    if "map" in args.only:
        measure_map(twinmap, args, args.work)
    if "reconcile" in args.only:
        measure_reconcile(twinmap, args, args.work)
    print("\nLoad after: " + " ".join(f"{load:.2f}" for load in os.getloadavg()))


if __name__ == "__main__":
    main()
