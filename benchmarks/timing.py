"""How the benchmarks measure: in turn, in one process, the median of several rounds.

Machines are shared and noisy, so only the ratio of two contestants means something: each is divided
by the reference of the same round, and the median of these ratios is printed with their range.
"""

import statistics
import time
from collections.abc import Callable, Mapping


def compare(contestants: Mapping[str, Callable[[], object]], rounds: int = 9) -> dict[str, float]:
    """Times the contestants in turn and prints a table; the last one is the reference.

    Args:
      contestants: what to time, by name. Each is called once before, to be compiled.
      rounds: how many rounds.

    Returns:
      The median ratio of each to the reference.
    """
    for contestant in contestants.values():
        contestant()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            begin = time.perf_counter()
            contestant()
            times[name].append(time.perf_counter() - begin)
    *_, reference = contestants
    medians = {}
    for name, taken in times.items():
        ratios = [own / other for own, other in zip(taken, times[reference], strict=True)]
        medians[name] = statistics.median(ratios)
        print(
            f"  {name:<44} {1e3 * statistics.median(taken):10.3f} ms   "
            f"ratio {medians[name]:8.3f}  ({min(ratios):.3f} to {max(ratios):.3f})"
        )
    return medians
