"""Read many changed files and print what came of them: python -m fuzzing, in the folder tests."""

import argparse
import sys
from collections import Counter
from pathlib import Path

import torch

from fuzzing.bases import base
from fuzzing.children import base_of, run
from fuzzing.grammar import changed
from fuzzing.trial import FAULTS, FINE


def main():
    """Read the arguments, run the cases, print counts, and leave with 1 if there were faults."""
    options = parsed()
    torch.set_num_threads(1)  # threads do not live on in a child
    indices = [index for index in range(options.share, options.cases, options.of) if options.bases in base_of(index)]
    if options.case is not None:
        indices = [options.case]
    if options.keep:
        options.keep.write_bytes(changed(base(base_of(indices[0])).members, options.seed, indices[0]).content)
    results = []
    for result in run(options.seed, indices):
        results.append(result)
        if result.outcome in FAULTS or options.case is not None:
            print(f"seed {options.seed}, {result}", flush=True)
        if len(results) % 1000 == 0:
            print(f"{len(results)} cases", flush=True)
    print(table("base", results), table("kind", results), sep="\n\n")
    print(f"most seconds {max(each.seconds for each in results)}, most bytes {max(each.memory for each in results):,}")
    return int(any(result.outcome in FAULTS for result in results))


def parsed():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--share", type=int, default=0, help="which of the shares of the cases")
    parser.add_argument("--of", type=int, default=1, help="how many shares there are")
    parser.add_argument("--bases", default="", help="only those whose names hold this text, such as head or Unigram")
    parser.add_argument("--case", type=int, help="this one only")
    parser.add_argument("--keep", type=Path, help="where to write the file of this case")
    return parser.parse_args()


def table(field, results):
    """Return how many cases of each base or kind had which outcome, as a table."""
    outcomes = [*FINE, *FAULTS]
    counts = Counter((getattr(result, field), result.outcome) for result in results)
    rows = [(name, *(counts[name, each] for each in outcomes)) for name in sorted({name for name, _ in counts})]
    total = ("all", *(sum(row[i] for row in rows) for i in range(1, len(outcomes) + 1)))
    lines = [
        f"{name:<26}" + "".join(f"{cell:>14}" for cell in cells) for name, *cells in [(field, *outcomes), *rows, total]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
