"""Importing jaxlr beside importing optax, which it imports, each in a fresh process."""

import subprocess
import sys

from timing import compare


def fresh(statement):
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True)


if __name__ == "__main__":
    print("a fresh process that imports")
    compare(
        {
            "jaxlr": fresh("import jaxlr"),
            "jax and optax": fresh("import jax, optax"),
        },
        rounds=7,
    )
    forbidden = "flax", "matplotlib", "sklearn", "orbax", "rich"
    check = f"import sys, jaxlr; assert not set({forbidden}) & set(sys.modules)"
    fresh(check)()
    print(f"jaxlr imports none of {', '.join(forbidden)}")
