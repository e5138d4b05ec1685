"""Draw the sub-packages and their imports.

    python docs/draw_architecture.py

Each is in the layer that pyproject.toml gives it for import-linter. The edges are also in the picture's description,
which a test compares with the imports.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "_static" / "architecture.svg"


def layers() -> list[list[str]]:
    """Return the sub-packages and top modules of each layer, the highest first."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = build["tool"]["importlinter"]["contracts"]
    return [layer.split(" | ") for layer in contract["layers"] if layer != "_version"]


def imports() -> list[tuple[str, str]]:
    """Return which of them imports which other."""
    names = [name for layer in layers() for name in layer]
    graph = grimp.build_graph("sksetfit", cache_dir=None)
    for name in names:
        if graph.find_children(f"sksetfit.{name}"):
            graph.squash_module(f"sksetfit.{name}")
    pairs = [(name, other) for name in names for other in names if name != other]
    return [(a, b) for a, b in pairs if graph.direct_import_exists(importer=f"sksetfit.{a}", imported=f"sksetfit.{b}")]


def description() -> str:
    """Return the imports in words."""
    return ", ".join(f"{importer} imports {imported}" for importer, imported in imports())


def draw() -> None:
    """Write the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "sksetfit", "svg.fonttype": "none", "font.size": 11}
    from matplotlib import pyplot

    rows = layers()
    place = {}
    for i, row in enumerate(rows):
        for column, name in enumerate(row):  # shifted from row to row, so that few arrows run behind a box
            place[name] = (column + 0.5) / len(row) + (0.1, -0.06)[i % 2], len(rows) - i
    figure, axes = pyplot.subplots(figsize=(9, 7))
    for importer, imported in imports():
        style = {"arrowstyle": "-|>", "color": "#8aa0b8", "lw": 0.9, "shrinkA": 12, "shrinkB": 12}
        style["connectionstyle"] = f"arc3,rad={0.12 if place[importer][0] >= place[imported][0] else -0.12}"
        axes.annotate("", xy=place[imported], xytext=place[importer], arrowprops=style)
    box = {"boxstyle": "round,pad=0.4", "facecolor": "#eef4fb", "edgecolor": "#3a5f8a"}
    for name, (x, y) in place.items():
        axes.text(x, y, name, ha="center", va="center", bbox=box)
    axes.set(xlim=(0.1, 0.95), ylim=(0.5, len(rows) + 0.5))
    axes.axis("off")
    figure.savefig(PICTURE, bbox_inches="tight", metadata={"Date": None, "Description": description()})


if __name__ == "__main__":
    draw()
