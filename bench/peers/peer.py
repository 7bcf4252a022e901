"""What every peer shares: PyTorch tuned as its manual says, the best of some repeats, one JSON line
a result. A peer computes what lodestein-bench's benchmark of the same name does."""
import json
import os
import sys
import time

# glibc keeps freed memory instead of returning it to the kernel at once. Must be there at start.
ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_MMAP_THRESHOLD_": "4294967296"}


def start(name):
    """Parses [--threads N] [--quick]; returns (torch, threads, quick)."""
    if any(os.environ.get(key) != value for key, value in ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ALLOCATOR})
    import argparse
    import torch
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one repeat of small sizes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    return torch, options.threads, options.quick


def report(name, threads, items, run, quick=False, seconds=1.0):
    """Times run() for about so long and prints items a second of the best call."""
    run()
    best, spent, repeats = float("inf"), 0.0, 0
    while repeats < (1 if quick else 3) or (not quick and spent < seconds):
        begin = time.perf_counter()
        run()
        took = time.perf_counter() - begin
        best, spent, repeats = min(best, took), spent + took, repeats + 1
    print(json.dumps({"name": name, "threads": threads, "throughput": items / best,
                      "seconds": best}), flush=True)
