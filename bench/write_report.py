#!/usr/bin/env python3
"""Writes the Markdown report of scripts/bench: write_report.py FOLDER OUT."""
import json
import math
import pathlib
import platform
import re
import statistics
import sys

import growth

HEADER = """# Performance of the operations

Written by `scripts/bench` on {date}: {cores} cores, {processor}, {backend}. The processor
worked on these calls for {share:.0%} of the time that they took: below some 95 % it was busy with something else, and
the numbers, those of several threads above all, mean little.

Throughput is that of the best call of a repetition, the median over {repetitions} repetitions, which are spread over
the run; spread is their standard deviation. The limit is what the machine could do if the declared flops, exponentials
and bytes of the operation were all that there is: the first two add up, since they go through the same ports, and
the slower of arithmetic and memory counts. Its parts are measured in the same run by loops that do nothing else,
with the widest vectors:

{limits}

Error is relative to the largest value, against the reference backend, which computes in fp64; a benchmark whose
error exceeds its tolerance is not timed and fails the run. A fraction above 1 under `bytes` means that the caches
gave more than a copy of large arrays. Memory is what the process held at most during a call above what it held before:
work space, and results that the call makes. Everything with one thread but the last column.
"""
JOBS = """
## Whole jobs

From simulated samples to latents and graph, with the errors of the answer: 1 - MCC of the latents and SHD of the
graph against the truth, one model, the same in every run.

| job | seconds, 1 thread | {most} threads | MB | errors |
|---|---|---|---|---|
{rows}
"""
GROWTH = """
## How cost grows

Seconds and highest memory of one call of an estimator on all cores, d = 5; networks train for a fixed number of
epochs. The slope is that of a straight line through the points in logarithms, at the end through the last two: 1 is
linear growth, and less is a constant part that is not yet small.

![seconds against samples and against environments]({picture})

{tables}
"""
PEERS = """
## Beside {program}

The same arithmetic as one writes it with PyTorch, in the same run with as many threads and a tuned allocator
(`bench/peers`): the pairwise product materialises K. For the exact trace, `autograd` is one backward pass for each
output, and `closed_form` is the formula that lodestein uses, differentiated by autograd. Two lines name what published code
does where lodestein does something else: `in d:100` is the published optimiser step in 100 variables beside one in the
chart's 8, `its networks` the training of the published LSCALE-I's six score networks beside a whole fit.

| operation | threads | PyTorch | lodestein | ratio |
|---|---|---|---|---|
"""
NAIVE = """
## Beside the naive pairwise product

The baseline in `bench/operations/naive_pairwise.cpp`: one query at a time, one thread.

| operation | naive | fused | ratio |
|---|---|---|---|
"""


MEASURED = {"seconds", "throughput", "limit", "fraction", "error", "memory", "real_time", "cpu_time"}
THEIRS = {"family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads",
          "iterations"}


def median_entry(runs):
    """Numbers are medians over the repetitions; their number and spread are there, too."""
    entry = dict(runs[0])
    for key, value in runs[0].items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            entry[key] = statistics.median(run[key] for run in runs)
    if len(runs) > 1 and "throughput" in entry:
        entry["spread"] = statistics.stdev(math.log(run["throughput"]) for run in runs)
    return entry | {"runs": len(runs)}


def load_operations(path):
    """{(name, threads): entry} in the order of the program, context."""
    data = json.loads(path.read_text())
    runs = {}
    for run in sorted(data["benchmarks"], key=lambda run: run.get("family_index", 0)):
        if run.get("run_type", "iteration") == "iteration":
            name, threads = re.match(r"(.*)/backend:\w+/threads:(\d+)", run["name"]).groups()
            runs.setdefault((name, int(threads)), []).append(run)
    return {key: median_entry(those) for key, those in runs.items()}, data["context"]


def load_peers(path):
    """[(name, form, threads, throughput)] and the program; a name may have several forms."""
    lines = path.read_text().splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines]
    results = [(*f"{e['name']}|".split("|")[:2], e["threads"], e["throughput"]) for e in entries]
    return results, entries[0]["program"] if entries else ""


def quantity(value):
    for scale, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.3g} "


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def backend_of(context):
    """The description of the backend with most threads."""
    keys = [key for key in context if key.startswith("device_cpu_")]
    return context[max(keys, key=lambda key: int(key.removeprefix("device_cpu_")))]


def limit_table(context):
    rows = ["| threads | fp32 [flop/s] | fp64 [flop/s] | exponentials [1/s] | copy [byte/s] |",
            "|---|---|---|---|---|"]
    for key in sorted(k for k in context if k.startswith("limits_cpu_")):
        values = [quantity(float(v)) for v in context[key].split()[1::2]]
        rows.append(f"| {key.removeprefix('limits_cpu_')} | {' | '.join(values)} |")
    return "\n".join(rows)


def optional(entry, counter, form):
    return form.format(entry[counter]) if counter in entry else ""


def operation_rows(operations):
    most = max(threads for _, threads in operations)
    yield (f"| operation | throughput | spread | limit | fraction | error | MB | {most} threads to 1 |")
    yield "|---|---|---|---|---|---|---|---|"
    for (name, threads), entry in operations.items():
        if threads != 1:
            continue
        if entry.get("error_occurred"):
            yield f"| {name} | {entry['error_message']} | | | | | | |"
            continue
        unit = entry["label"]
        limit = f"{quantity(entry['limit'])}" if "limit" in entry else ""
        many = operations.get((name, most), {}) if most > 1 else {}
        speedup = f"{many['throughput'] / entry['throughput']:.2f}" if "throughput" in many else ""
        yield (f"| {name} | {quantity(entry['throughput'])}{unit}/s | "
               f"{optional(entry, 'spread', '{:.1%}')} | {limit} | "
               f"{optional(entry, 'fraction', '{:.2f}')} | {optional(entry, 'error', '{:.1e}')} | "
               f"{optional(entry, 'memory', '{:.0f}')} | {speedup} |")


def take_jobs(operations):
    """Removes the entries of whole jobs and returns them."""
    return {key: operations.pop(key) for key in [k for k in operations if k[0].startswith("job/")]}


def errors_of(entry):
    numbers = {key: value for key, value in entry.items()
               if isinstance(value, (int, float)) and key not in MEASURED | THEIRS | {"runs", "spread"}}
    return ", ".join(f"{key} {value:.3g}" for key, value in numbers.items())


def job_rows(jobs):
    most = max(threads for _, threads in jobs)
    for (name, threads), entry in jobs.items():
        if threads != 1:
            continue
        if entry.get("error_occurred"):
            yield f"| {name} | {entry['error_message']} | | | |"
            continue
        many = jobs.get((name, most), {}) if most > 1 else {}
        yield (f"| {name} | {entry['seconds']:.3g} | {optional(many, 'seconds', '{:.3g}')} | "
               f"{optional(entry, 'memory', '{:.0f}')} | {errors_of(entry)} |")


def peer_rows(operations, peers):
    for name, form, threads, throughput in peers:
        ours = operations.get((name, threads), {})
        if "throughput" in ours:
            ratio = ours["throughput"] / throughput
            shown = f"{name} ({form})" if form else name
            yield (f"| {shown} | {threads} | {quantity(throughput)}/s | "
                   f"{quantity(ours['throughput'])}/s | {ratio:.1f} |")


def naive_rows(operations):
    for (name, threads), entry in operations.items():
        fused = operations.get((name.replace("/naive/", "/rbf/"), threads), {})
        if "/naive/" in name and "throughput" in fused and "throughput" in entry:
            yield (f"| {name} | {quantity(entry['throughput'])}/s | "
                   f"{quantity(fused['throughput'])}/s | "
                   f"{fused['throughput'] / entry['throughput']:.1f} |")


def share_of_processor(operations):
    """Of the time that the calls took, how much the processor spent on them."""
    shares = [e["cpu_time"] / e["real_time"] for e in operations.values() if e.get("real_time")]
    return sum(shares) / len(shares) if shares else 0.0


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    operations, context = load_operations(folder / "operations.json")
    peers, program = load_peers(folder / "peers.jsonl")
    text = HEADER.format(date=context["date"][:10], cores=context["num_cpus"],
                         processor=processor(), backend=backend_of(context),
                         repetitions=max(entry["runs"] for entry in operations.values()),
                         share=share_of_processor(operations),
                         limits=limit_table(context))
    curves = growth.take(operations)
    jobs = take_jobs(operations)
    if operations:
        text += "\n## Operations\n\n" + "\n".join(operation_rows(operations)) + "\n"
    if jobs:
        most = max(threads for _, threads in jobs)
        text += JOBS.format(most=most, rows="\n".join(job_rows(jobs)))
    if curves:
        picture = out.with_name(out.stem + "-growth.svg")
        picture.write_text(growth.picture(curves))
        text += GROWTH.format(picture=picture.name, tables=growth.tables(curves))
    if naive := list(naive_rows(operations)):
        text += NAIVE + "\n".join(naive) + "\n"
    if rows := list(peer_rows(operations | jobs, peers)):
        text += PEERS.format(program=program) + "\n".join(rows) + "\n"
    out.write_text(text)


if __name__ == "__main__":
    main()
