"""What every peer shares: PyTorch tuned as its manual says, the best of some repeats, one JSON line
a result. A peer computes what lodestein-bench's benchmark of the same name does.

Debian's PyTorch takes whatever libblas.so.3 it finds, and the reference BLAS is many times slower
than OpenBLAS: with that one a peer refuses to run (exit code 3), since its times would flatter us."""
import argparse
import json
import os
import re
import sys
import time


def start():
    """Parses [--threads N] [--quick]; returns (torch, threads, quick)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one repeat of small sizes")
    options = parser.parse_args()
    # Read when the process starts. glibc then keeps freed memory for the next call.
    settings = {"MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_MMAP_THRESHOLD_": "4294967296",
                "OPENBLAS_NUM_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads)}
    if any(os.environ.get(key) != value for key, value in settings.items()):
        os.execve(sys.executable, [sys.executable, "-B", *sys.argv], {**os.environ, **settings})
    import torch
    global PROGRAM
    PROGRAM = f"PyTorch {torch.__version__} with {blas(torch)}"
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    return torch, options.threads, options.quick


def blas(torch):
    """The name of the BLAS that is loaded; leaves the program if it is the reference one."""
    if "BLAS_INFO=mkl" in torch.__config__.show():
        return "MKL"
    with open("/proc/self/maps") as maps:
        found = re.search("openblas|blis|mkl", maps.read())
    if not found:
        print("PyTorch uses the reference BLAS here: not timed, it would be many times too slow; "
              "install libopenblas0-pthread", file=sys.stderr)
        sys.exit(3)
    return {"openblas": "OpenBLAS", "blis": "BLIS", "mkl": "MKL"}[found[0]]


def report(name, threads, items, run, quick=False, seconds=1.0, repeats=3, also=()):
    """Times run() for about so long and prints items a second of the best call, and those of the
    (name, items) in `also`. A call of many seconds needs no repeats and no call before."""
    if repeats > 1:
        run()
    best, spent, done, least = float("inf"), 0.0, 0, 1 if quick else repeats
    while done < least or (not quick and spent < seconds):
        begin = time.perf_counter()
        run()
        took = time.perf_counter() - begin
        best, spent, done = min(best, took), spent + took, done + 1
    for called, count in ((name, items), *also):
        print(json.dumps({"name": called, "threads": threads, "throughput": count / best,
                          "seconds": best, "program": PROGRAM}), flush=True)
