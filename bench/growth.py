"""Cost of estimators against the number of samples and of environments: tables and a picture."""
import math
import re

NAME = re.compile(r"growth/(samples|environments)/(\w+)/environments:(\d+)/n:(\d+)$")
COLOURS = ["#1f5fa8", "#c4461c", "#2c8a4b", "#7b4fa3", "#a07800", "#5a5a5a"]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 470, 330, 56, 34, 150, 44  # of a panel and its margins


def take(operations):
    """Removes the growth entries: {over: {estimator: [(size, seconds, MB or None)]}}."""
    curves = {}
    for key in [k for k in operations if k[0].startswith("growth/")]:
        entry = operations.pop(key)
        if entry.get("error_occurred"):
            continue
        over, estimator, environments, n = NAME.match(key[0]).groups()
        size = int(n if over == "samples" else environments)
        label = estimator.replace("_", " ")
        if over == "environments":
            label += f", {int(n):,} samples"
        seconds = entry["real_time"] / 1e3  # reported in ms
        curves.setdefault(over, {}).setdefault(label, []).append(
            (size, seconds, entry.get("memory")))
    return {over: {label: sorted(points) for label, points in by_label.items()}
            for over, by_label in curves.items()}


def slope(points):
    """Of the least-squares line through the logarithms; None for one point."""
    x = [math.log(size) for size, _, _ in points]
    y = [math.log(seconds) for _, seconds, _ in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    if spread == 0.0:
        return None
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / spread


def shown_slope(points):
    value = slope(points)
    return "" if value is None else f"{value:.2f}"


def table(over, curves):
    sizes = sorted({size for points in curves.values() for size, _, _ in points})
    title = ("samples in each of two environments" if over == "samples"
             else "environments")
    rows = [f"Seconds by {title}:", "",
            "| estimator | " + " | ".join(f"{s:,}" for s in sizes) + " | slope | slope at the end | MB there |",
            "|---" * (len(sizes) + 4) + "|"]
    for label, points in curves.items():
        seconds = {size: f"{value:.2g}" for size, value, _ in points}
        memory = points[-1][2]
        rows.append(f"| {label} | " + " | ".join(seconds.get(s, "") for s in sizes) +
                    f" | {shown_slope(points)} | {shown_slope(points[-2:])} | "
                    f"{'' if memory is None else round(memory)} |")
    return "\n".join(rows)


def tables(curves):
    return "\n\n".join(table(over, by_label) for over, by_label in curves.items())


class Axis:
    """Logarithmic, with room for all values."""

    def __init__(self, values, first, last):
        low, high = math.log10(min(values)), math.log10(max(values))
        margin = 0.06 * (high - low) + 0.02
        self.low, self.high = low - margin, high + margin
        self.first, self.last = first, last

    def at(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)

    def decades(self):
        powers = range(math.floor(self.low), math.ceil(self.high) + 1)
        return [10.0**p for p in powers if self.low <= p <= self.high]


def text(x, y, content, anchor="middle", colour="#333"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
            f"{content}</text>")


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def frame(over, x, y, sizes):
    """Title, grid and ticks."""
    grid = 'stroke="#ddd"'
    yield text((x.first + x.last) / 2, TOP - 14, f"seconds against {over}")
    yield (f'<rect x="{x.first:.1f}" y="{y.last:.1f}" width="{x.last - x.first:.1f}" '
           f'height="{y.first - y.last:.1f}" fill="none" stroke="#999"/>')
    for value in y.decades():
        yield line(x.first, y.at(value), x.last, y.at(value), grid)
        yield text(x.first - 6, y.at(value) + 4, number(value), "end")
    for size in sizes:
        yield line(x.at(size), y.first, x.at(size), y.last, grid)
        yield text(x.at(size), y.first + 16, number(size))


def legend(x, y, by_label):
    """Names beside the last points, moved apart where they would overlap."""
    ends = sorted((y.at(points[-1][1]), label) for label, points in by_label.items())
    last = -math.inf
    places = {}
    for place, label in ends:
        last = max(place, last + 26)
        places[label] = last
    overflow = max(0.0, last + 16 - y.first)
    for k, (label, points) in enumerate(by_label.items()):
        at = places[label] - overflow
        yield text(x.last + 8, at, label.split(",")[0], "start", COLOURS[k % len(COLOURS)])
        yield text(x.last + 8, at + 12, f"slope at the end {shown_slope(points[-2:])}", "start",
                   COLOURS[k % len(COLOURS)])


def panel(over, by_label, offset):
    points = [point for some in by_label.values() for point in some]
    sizes = sorted({size for size, _, _ in points})
    x = Axis(sizes, LEFT, WIDTH - RIGHT)
    y = Axis([seconds for _, seconds, _ in points], HEIGHT - BOTTOM, TOP)
    yield f'<g transform="translate({offset},0)">'
    yield from frame(over, x, y, sizes)
    for k, some in enumerate(by_label.values()):
        colour = COLOURS[k % len(COLOURS)]
        places = [(x.at(size), y.at(seconds)) for size, seconds, _ in some]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
        for a, b in places:
            yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>'
    yield from legend(x, y, by_label)
    yield "</g>"


def picture(curves):
    """Both panels side by side, as SVG."""
    width = WIDTH * len(curves)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" '
             f'viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>']
    for k, (over, by_label) in enumerate(curves.items()):
        parts.extend(panel(over, by_label, k * WIDTH))
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
