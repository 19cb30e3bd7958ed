"""A call of a schedule from Python is one dispatch of compiled code; optax's runs op by op."""

import jax
import optax
from timing import compare

import jaxlr

CALLS = 200


def calls(schedule):
    def run():
        for count in range(CALLS):
            value = schedule(count)
        jax.block_until_ready(value)

    return run


FAMILIES = {
    "cosine_decay_schedule": (0.1, 1000),
    "warmup_cosine_decay_schedule": (0.0, 0.1, 100, 1000),
    "exponential_decay": (0.1, 1000, 0.96),
    "piecewise_constant_schedule": (0.1, {300: 0.1, 600: 0.1, 900: 0.1}),
    "cosine_onecycle_schedule": (1000, 0.1),
}

if __name__ == "__main__":
    for family, arguments in FAMILIES.items():
        print(f"{CALLS} calls of {family} from Python")
        compare(
            {
                "jaxlr": calls(getattr(jaxlr, family)(*arguments)),
                "optax": calls(getattr(optax, family)(*arguments)),
            }
        )
