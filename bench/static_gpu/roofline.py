"""Upper bounds of the operations on an H100, from the flops and bytes that their contracts declare."""
import dataclasses

# H100 SXM: 132 multiprocessors at the clock it sustains, and the copy bandwidth it reaches.
CLOCK = 1.83e9
MULTIPROCESSORS = 132
RATES = {
    "fp32": MULTIPROCESSORS * 128 * 2 * CLOCK,  # flop/s
    "fp64": MULTIPROCESSORS * 64 * 2 * CLOCK,
    "special": MULTIPROCESSORS * 16 * CLOCK,    # exponentials, reciprocal roots
    "memory": 3.0e12,                           # bytes/s
}
ISSUE = MULTIPROCESSORS * 128 * CLOCK           # fp32 instructions of one lane
TENSOR_3XTF32 = 165e12                          # flop/s to fp32 accuracy by three TF32 products


@dataclasses.dataclass
class Work:
    operation: str
    size: str
    items: float
    unit: str
    fp32: float = 0.0
    fp64: float = 0.0
    special: float = 0.0
    memory: float = 0.0

    def bound(self):
        """(items/s, resource that binds)."""
        seconds = {name: getattr(self, name) / rate for name, rate in RATES.items()}
        binding = max(seconds, key=seconds.get)
        return self.items / seconds[binding], binding

    def intensity(self):
        return (self.fp32 + self.fp64) / self.memory


def product(d, n=100_000):
    pairs, r = n * n, d + 1
    return Work("pairwise product, R = [1, Y]", f"n = m = {n}, d = {d}", pairs, "pairs",
                fp32=pairs * (2 * d + 2 * r), special=pairs, memory=8 * n * (d + r))


def training_step(d, p, batch, nets):
    flops = nets * 2 * batch * (6 * p * p + 5 * d * p)
    return Work("exact-trace training step", f"d = {d}, p = {p}, batch {batch}, {nets} networks",
                nets, "steps", fp32=flops, special=nets * 2 * p * batch,
                memory=nets * 4 * batch * d)  # parameters stay on the multiprocessor


def operations():
    n = 1_000_000
    yield from (product(d) for d in (5, 10, 20, 50, 100))
    yield Work("Gram matrix", "n = m = 20000, d = 20", 4e8, "pairs", fp32=4e8 * 2 * 20, special=4e8,
               memory=4 * 4e8)
    yield Work("distance quantile, one pass", "n = m = 20000, d = 20", 4e8, "pairs",
               fp32=4e8 * 3 * 20, memory=8 * 2e4 * 20)
    yield training_step(20, 64, 512, 132)
    yield training_step(20, 32, 512, 132)
    yield from (Work("moments", f"N = {n}, d = {d}", n, "samples", fp64=n * d * (d + 1),
                     memory=8 * n * d) for d in (5, 20, 100))
    yield from (Work("score-difference moments", f"N = {n}, d = 20, K = {k}", n, "samples",
                     fp64=n * 20 * k * (20 * k + 1), memory=4 * n * (k + 1) * 20) for k in (5, 20))
    yield from (Work("Fourier feature moments", f"N = {n}, d = 20, {m} features", n, "samples",
                     fp32=n * (m * (m + 1) + 2 * m * 20), memory=4 * n * (20 + 2 * m))
                for m in (512, 2048))  # the features are written and read once


def number(value):
    return f"{value:.2g}" if value < 100 else f"{value:.3g}"


def tables():
    """Markdown."""
    yield "| operation | size | flop per byte | bound by | at most |"
    yield "|---|---|---|---|---|"
    for work in operations():
        rate, binding = work.bound()
        yield (f"| {work.operation} | {work.size} | {number(work.intensity())} | {binding} | "
               f"{rate:.2e} {work.unit}/s |")
    yield ""
    yield "The fused product R = [1, Y] again by instruction issue, in pairs/s:"
    yield ""
    yield "| d | exponentials alone | fp32 pipes, 2 d + 4 instructions a pair | 3xTF32 tensor cores | storing K |"
    yield "|---|---|---|---|---|"
    for d in (5, 10, 20, 50, 100):
        padded = (d + 1 + 7) // 8 * 8
        special = RATES["special"]
        simt = min(special, ISSUE / (2 * d + 4))
        tensor = min(special, ISSUE / 6, TENSOR_3XTF32 / (4 * padded))
        yield f"| {d} | {special:.1e} | {simt:.1e} | {tensor:.1e} | {RATES['memory'] / 8:.1e} |"
