"""A join of many pieces beside optax's: the time to build and compile it, and that of a step.

Each piece is a line. A program of optax has all pieces in it; one of jaxlr has one, whose numbers
are picked out of arrays. So optax takes part up to a thousand pieces, and in a loop up to a
hundred: with a thousand XLA asks for more than 20 GB to compile the loop (jax 0.10.2, CPU).
"""

import time

import jax
import numpy as np
import optax
from timing import compare

import jaxlr

LENGTH = 10
STEPS = 20_000


def join(library, number):
    pieces = [library.linear_schedule(1.0 / (i + 1), 1.0 / (i + 2), LENGTH) for i in range(number)]
    return library.join_schedules(pieces, [LENGTH * i for i in range(1, number)])


def build(library, number):
    """The time until the first value is there, and what computes the sum of the first values."""
    begin = time.perf_counter()
    lr = join(library, number)
    value = jax.jit(lambda count: lr(count))
    jax.block_until_ready(value(np.int32(5)))
    taken = time.perf_counter() - begin

    @jax.jit
    def total(count):
        def step(carry):
            count, total = carry
            return count + 1, total + lr(count)

        return jax.lax.while_loop(lambda carry: carry[0] < STEPS, step, (count, 0.0))[1]

    return taken, lambda: jax.block_until_ready(total(np.int32(0)))


if __name__ == "__main__":
    build(jaxlr, 3), build(optax, 3)
    for number in (10, 100, 1000, 100_000):
        libraries = [jaxlr, optax] if number <= 1000 else [jaxlr]
        built = {library.__name__: build(library, number) for library in libraries}
        *_, (reference, _) = built.values()
        print(f"{number} pieces: built and compiled, then {STEPS} steps")
        for name, (taken, _) in built.items():
            print(f"  {name:<44} {1e3 * taken:10.3f} ms   ratio {taken / reference:8.3f}")
        compare({name: run for name, (_, run) in built.items() if number <= 100 or name == "jaxlr"})
