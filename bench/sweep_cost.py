"""What sweeps cost: prints the tables of docs/sweep.md, section Cost, as Markdown.

    python3 bench/sweep_cost.py [cells] [linear] [parts] [study]     (default: all)

cells: the smallest ones, 100 to 100,000 of them, without the start of the program. linear: cells a
minute on all cores. parts: what one thread's time goes into. study: finite_sample.toml, whole and
method by method. Needs build/cpu/bin/lodestein and a quiet machine; some ten minutes on two cores.
On a busy one the seconds of all cores still say what the work is.
"""
import os
import pathlib
import re
import sqlite3
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / "build/cpu/bin/lodestein"
STUDIES = ROOT / "bench/studies"


def sweep(folder, study, models=None, options=()):
    """Runs a study into a new store. Returns seconds, those of all cores, MB of memory, the store."""
    text = (STUDIES / study).read_text()
    if models:
        text = re.sub(r"^models = \d+", f"models = {models}", text, flags=re.M)
    file, store = folder / study, folder / "results.db"
    file.write_text(text)
    store.unlink(missing_ok=True)
    began = time.monotonic()
    process = os.posix_spawn(
        TOOL, [TOOL, "sweep", file, "--out", store, "--quiet", *options], os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - began
    if status != 0:
        sys.exit(f"{TOOL} sweep {study} ended with status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, store


def best_of(runs, *arguments):
    return min(sweep(*arguments) for _ in range(runs))


def cells(folder):
    start = best_of(5, folder, "cost.toml", 1)[0]
    print(f"\nThe start takes {1e3 * start:.0f} ms.\n")
    print("| cells | seconds | a cell, without the start | memory | store |")
    print("|---|---|---|---|---|")
    for count in (100, 1_000, 10_000, 100_000):
        seconds, _, memory, store = best_of(3, folder, "cost.toml", count)
        print(f"| {count:,} | {seconds:.2f} | {1e3 * (seconds - start) / count:.3f} ms "
              f"| {memory:.0f} MB | {store.stat().st_size / 1e6:.1f} MB |", flush=True)


def linear(folder):
    seconds, work, _, _ = sweep(folder, "cost_linear.toml")
    print(f"\nLinear cells: 3,000 in {seconds:.1f} s ({work:.1f} s of all cores), "
          f"{60 * 3000 / seconds:,.0f} a minute.", flush=True)


def timed_parts(folder, study, models):
    seconds, _, _, store = sweep(folder, study, models, ("--threads", "1"))
    with sqlite3.connect(store) as database:
        return seconds, database.execute(
            "select sum(data_seconds), sum(fit_seconds), sum(measure_seconds) from timings"
        ).fetchone()


def parts(folder):
    """One method, so that no cell's time is counted in another's."""
    print("\n| cells on one thread | seconds | simulation | fit | measuring | rest |")
    print("|---|---|---|---|---|---|")
    for study, models in (("cost_linear.toml", 1_000), ("cost.toml", 10_000)):
        start = best_of(3, folder, study, 1, ("--threads", "1"))[0]
        seconds, spent = min(timed_parts(folder, study, models) for _ in range(3))
        wall = seconds - start
        shares = " | ".join(f"{100 * part / wall:.1f} %" for part in (*spent, wall - sum(spent)))
        print(f"| {study}, {models:,} | {wall:.2f} | {shares} |", flush=True)


def study(folder):
    print("\n| finite_sample.toml | cells | seconds | of all cores |\n|---|---|---|---|")
    for method in ("", "likelihood", "lscale", "finite-sample"):
        options = ("--only", "method=" + method) if method else ()
        seconds, work, _, store = sweep(folder, "finite_sample.toml", None, options)
        with sqlite3.connect(store) as database:
            count = database.execute("select count(*) from results").fetchone()[0]
        print(f"| {method or 'all methods'} | {count:,} | {seconds:.0f} | {work:.0f} |", flush=True)


def main():
    known = {"cells": cells, "linear": linear, "parts": parts, "study": study}
    chosen = sys.argv[1:] or list(known)
    for name in chosen:
        if name not in known:
            sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            known[name](pathlib.Path(folder))


if __name__ == "__main__":
    main()
