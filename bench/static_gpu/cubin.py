"""What a cubin and ptxas's report say about each kernel."""
import collections
import dataclasses
import pathlib
import re
import struct
import subprocess

# Instructions that the report counts, by class. The number is bits 0..8 of a 16-byte instruction
# of sm_80 to sm_120. These counts agreed with nvdisasm 13.2 on every kernel and architecture.
CLASSES = {
    "fp32": {0x020: "FMUL", 0x021: "FADD", 0x023: "FFMA"},
    "fp64": {0x028: "DMUL", 0x029: "DADD", 0x02b: "DFMA"},
    "special": {0x108: "MUFU"},
    "tensor": {0x03c: "HMMA", 0x03f: "DMMA"},
    "global load": {0x181: "LDG", 0x1ae: "LDGSTS"},
    "global store": {0x186: "STG"},
    "generic load": {0x180: "LD"},  # global or shared: the compiler doesn't know which
    "generic store": {0x185: "ST"},
    "shared load": {0x184: "LDS"},
    "shared store": {0x188: "STS"},
    "local": {0x183: "LDL", 0x187: "STL"},
    "shuffle": {0x189: "SHFL"},
    "barrier": {0x11d: "BAR"},
    "atomic": {0x18c: "ATOMS", 0x18e: "RED", 0x1a8: "ATOMG"},
}
CLASS_OF_NUMBER = {number: name for name, ops in CLASSES.items() for number in ops}
NOP = 0x118


@dataclasses.dataclass
class Kernel:
    symbol: str
    name: str = ""        # readable
    registers: int = 0
    barriers: int = 0
    shared: int = 0       # static, bytes
    stack: int = 0        # bytes a thread
    spill_stores: int = 0  # bytes
    spill_loads: int = 0
    block: int = 0        # threads, of __launch_bounds__; 0: not stated
    mix: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    @property
    def spills(self):
        return self.spill_stores + self.spill_loads > 0


def ptxas_kernels(log):
    """{symbol: Kernel} from the output of -Xptxas -v."""
    kernels, current = {}, None  # functions that were not inlined count as their kernel's
    for line in log.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)'", line):
            current = kernels[entry[1]] = Kernel(entry[1])
        elif current and (frame := re.search(
                r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line)):
            stack, stores, loads = map(int, frame.groups())
            current.stack = max(current.stack, stack)
            current.spill_stores += stores
            current.spill_loads += loads
        elif current and (used := re.search(r"Used (\d+) registers", line)):
            current.registers = int(used[1])
            if barriers := re.search(r"used (\d+) barriers", line):
                current.barriers = int(barriers[1])
            if shared := re.search(r"(\d+) bytes smem", line):
                current.shared = int(shared[1])
    return kernels


def sections(cubin):
    """(name, bytes) of every section of a 64-bit ELF file."""
    data = pathlib.Path(cubin).read_bytes()
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
    for header in headers:
        name = data[headers[names][4] + header[0]:].split(b"\0", 1)[0].decode()
        yield name, b"" if header[1] == 8 else data[header[4]:header[4] + header[5]]


def block_threads(info):
    """Threads a block of __launch_bounds__, from a .nv.info section."""
    at = 0
    while at + 4 <= len(info):
        form, attribute, size = struct.unpack_from("<BBH", info, at)
        if form == 4 and attribute == 5:  # EIATTR_MAX_THREADS
            x, y, z = struct.unpack_from("<III", info, at + 4)
            return x * y * z
        at += 4 + (size if form == 4 else 0)
    return 0


def instruction_mix(code):
    mix = collections.Counter()
    for at in range(0, len(code), 16):
        number = struct.unpack_from("<H", code, at)[0] & 0x1FF
        if number != NOP:
            mix[CLASS_OF_NUMBER.get(number, "other")] += 1
    return mix


def readable(symbols):
    """Names without namespaces and parameters, in the order of `symbols`."""
    text = subprocess.run(["c++filt"], input="\n".join(symbols), check=True, capture_output=True,
                          text=True).stdout
    names = []
    for name in text.splitlines():
        name = re.sub(r"^void ", "", name).replace("(anonymous namespace)::", "")
        name = re.sub(r"\([^()]*\)$", "", name)
        names.append(re.sub(r"lodestein::kernels::(?:cuda::)?", "", name))
    return names


def read(cubin, log):
    """The project's own kernels in a cubin; those of NVIDIA's libraries are left out."""
    kernels = {s: k for s, k in ptxas_kernels(log).items() if s.startswith("_ZN9lodestein")}
    for name, data in sections(cubin):
        kind, _, symbol = name.rpartition(".")
        if symbol in kernels and kind == ".nv.info":
            kernels[symbol].block = block_threads(data)
        if symbol in kernels and kind == ".text":
            kernels[symbol].mix = instruction_mix(data)
    for kernel, name in zip(kernels.values(), readable(kernels)):
        kernel.name = name
    return list(kernels.values())
