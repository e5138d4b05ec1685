"""Write the table of kinds of transformers into compatibility.md: ``python docs/architectures_table.py``."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = Path(__file__).parents[1]


def main() -> None:
    """Try each kind, and replace the table of the page."""
    sys.path.insert(0, str(ROOT / "tests"))
    from conftest import write_tiny_model, write_tiny_model_of_kind

    spec = importlib.util.spec_from_file_location("table", ROOT / "tests" / "body" / "saving" / "test_architectures.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    rows = []
    with tempfile.TemporaryDirectory() as parent:
        tiny = Path(parent, "tiny")
        tiny.mkdir()
        write_tiny_model(tiny)
        for kind in table.KINDS:
            folder = Path(parent, kind)
            write_tiny_model_of_kind(tiny, folder, kind)
            rows.append((kind, table.outcome(kind, folder)))
            print(*rows[-1], flush=True)
    page = table.PAGE.read_text(encoding="utf-8")
    start = page.index("| kind of transformer |")
    end = page.index("\n\n", start)
    table.PAGE.write_text(page[:start] + table.as_table(rows) + page[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
