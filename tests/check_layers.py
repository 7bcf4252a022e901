#!/usr/bin/env python3
"""Rejects an #include that points to a room further right.

The rooms from left to right, each using only what stands left of it:
core | kernels, graph | data | simulate | score | unmix | evaluate | sweep | tool, bench, mpi

    check_layers.py [ROOT]        checks a source tree; exit code 1 names every offending line
    check_layers.py --self-test   plants violations in a scratch tree and wants each one found
"""
import pathlib
import re
import sys
import tempfile

ROOMS = [["core"], ["kernels", "graph"], ["data"], ["simulate"], ["score"], ["unmix"],
         ["evaluate"], ["sweep"], ["tool", "bench", "mpi"]]
COLUMN = {room: column for column, rooms in enumerate(ROOMS) for room in rooms}
# Metrics compare numbers with numbers; they must not know how either was made.
NARROWER = {"evaluate": {"core", "graph", "data"}}
UMBRELLA = "include/lodestein/lodestein.hpp"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".hpp", ".cpp", ".cu", ".cuh"}


def room_of_file(path):
    """The room a file (relative to the root) belongs to, or None."""
    parts = path.parts
    if parts[0] in ("kernels", "bench"):
        return parts[0]
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("include", "lodestein") and len(parts) > 3:
        return parts[2]
    return None


def room_of_include(target):
    """The room an included path belongs to; None for a third-party header."""
    parts = pathlib.PurePosixPath(target).parts
    if parts[0] == "lodestein" and len(parts) > 2:
        return parts[1]
    return parts[0] if len(parts) > 1 and parts[0] in COLUMN else None


def complaint(path, bracket, target):
    """What is wrong with one #include, or None."""
    public = path.parts[0] == "include"
    if public and bracket == "<" and ("/" in target or "." in target):
        return "a public header includes a header that is not of the standard library"
    if public and not (bracket == "<" or target.startswith("lodestein/")):
        return "a public header includes a private one"
    if target == "lodestein/lodestein.hpp" and room_of_file(path) not in ("tool", "bench", None):
        return "a room includes everything; name the headers it needs"
    source, used = room_of_file(path), room_of_include(target)
    if source is None or used is None or source == used:
        return None
    if used not in COLUMN or source not in COLUMN:
        return f"unknown room '{used if used not in COLUMN else source}'"
    if COLUMN[used] >= COLUMN[source] or used not in NARROWER.get(source, COLUMN):
        return f"{source} may not use {used}"
    return None


def violations(root):
    """Every offending line below root as 'path:line: why: #include'."""
    found = []
    for folder in ("include", "kernels", "src", "bench"):
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root)
            if file.suffix not in SUFFIXES or path.as_posix() == UMBRELLA:
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                why = match and complaint(path, *match.groups())
                if why:
                    found.append(f"{path}:{number}: {why}: {line.strip()}")
    return found


def self_test():
    bad = {
        "src/core/a.cpp": '#include "kernels/moments.hpp"',
        "src/graph/a.cpp": '#include "kernels/moments.hpp"',
        "src/evaluate/a.cpp": '#include "lodestein/unmix/fit.hpp"',
        "src/data/a.cpp": '  #  include "lodestein/simulate/study.hpp"',
        "src/unmix/a.cpp": '#include "lodestein/lodestein.hpp"',
        "src/unmix/b.cpp": '#include "tool/options.hpp"',
        "src/score/a.cpp": '#include "lodestein/attic/old.hpp"',
        "kernels/cpu/a.cpp": '#include "data/reader.hpp"',
        "include/lodestein/data/a.hpp": '#include "core/eigen.hpp"',
        "include/lodestein/data/b.hpp": "#include <Eigen/Dense>",
        "include/lodestein/data/c.hpp": '#include "kernels/moments.hpp"',
    }
    good = {
        "kernels/cpu/b.cpp": '#include "core/eigen.hpp"',
        "src/data/b.cpp": '#include "kernels/moments.hpp"\n#include <Eigen/Dense>',
        "src/unmix/c.cpp": '#include "lodestein/score/gaussian.hpp"\n#include "unmix/subspace.hpp"',
        "src/evaluate/b.cpp": '#include "lodestein/data/dataset.hpp"',
        "src/tool/a.cpp": '#include "lodestein/lodestein.hpp"',
        "include/lodestein/lodestein.hpp": '#include "lodestein/unmix/fit.hpp"',
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in {**bad, **good}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text + "\n", encoding="utf-8")
        found = {line.split(":")[0] for line in violations(root)}
    missed, wrong = set(bad) - found, found - set(bad)
    for path in sorted(missed):
        print(f"not found: {path}: {bad[path]}")
    for path in sorted(wrong):
        print(f"wrongly rejected: {path}: {good[path]}")
    return not (missed or wrong)


def main(arguments):
    if arguments == ["--self-test"]:
        return 0 if self_test() else 1
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).parents[1]
    found = violations(root)
    print("\n".join(found) if found else "every #include points to the left")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
