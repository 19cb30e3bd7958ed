"""What a type checker must see; `make types` checks it, nothing runs it."""

from collections.abc import Mapping
from typing import Any, assert_type

import jax
import optax
from jax.typing import ArrayLike

import jaxlr

lr = jaxlr.cosine_decay_schedule(0.1, decay_steps=1000)
assert_type(lr, jaxlr.Schedule)
assert_type(jaxlr.constant_schedule(0.1), jaxlr.Schedule)
assert_type(lr(0), jax.Array)
assert_type(lr.params, Mapping[str, Any])
assert_type(jaxlr.parse("constant_schedule(0.1)"), jaxlr.Schedule)

as_optax: optax.Schedule = lr
optimizer: optax.GradientTransformation = optax.adam(lr)

jaxlr.cosine_decay_schedule(0.1)  # type: ignore[call-arg]
jaxlr.cosine_decay_schedule(0.1, 1000, gamma=2)  # type: ignore[call-arg]
jaxlr.cosine_decay_schedule("0.1", 1000)  # type: ignore[arg-type]
jaxlr.exponential_decay(0.1, 1000, 0.96, staircase="yes")  # type: ignore[arg-type]
jaxlr.piecewise_interpolate_schedule("cubic", 0.1)  # type: ignore[arg-type]
jaxlr.piecewise_constant_schedule(0.1, {30: 0.1})
jaxlr.join_schedules([lr, lambda count: 0.1], [10])
jaxlr.join_schedules([lr], boundary=10)  # type: ignore[call-arg]
jaxlr.warmup_cosine_decay_schedule(0.0, 0.1, 10)  # type: ignore[call-arg]

jaxlr.join_schedules([lr, lr], [10], "sideways")  # type: ignore[arg-type]
jaxlr.with_warmup(lambda count: 0.1, 100, curve=jaxlr.curves.cosine(), mode="overlay")
jaxlr.with_warmup(lr, 100, mode="before")  # type: ignore[arg-type]
jaxlr.add_schedules([lr, 0.1, lambda count: 0.1])
assert_type(0.5 * lr + lr / 2 - 0.1, jaxlr.Schedule)


@jaxlr.schedule
def own_formula(count: jax.Array, init_value: jaxlr.core.Value) -> ArrayLike:
    return init_value / (1.0 + count)


@jaxlr.schedule
def own_recipe(init_value: jaxlr.core.Value) -> jaxlr.Schedule:
    return own_formula(init_value)


assert_type(own_formula(0.1), jaxlr.Schedule)
assert_type(own_recipe(0.1), jaxlr.Schedule)
own_formula()  # type: ignore[call-arg]
own_recipe(0.1, 0.2)  # type: ignore[call-arg]

adaptive = jaxlr.reduce_on_plateau(lr, factor=0.5, patience=3)
assert_type(adaptive, jaxlr.AdaptiveSchedule)
assert_type(adaptive(adaptive.init(), value=1.0), jax.Array)
assert_type(jaxlr.parse("greedy(0.1, 0.01, 1.0)", jaxlr.AdaptiveSchedule), jaxlr.AdaptiveSchedule)
assert_type(jaxlr.early_stopping("loss", patience=3), jaxlr.EarlyStopping)
jaxlr.reduce_on_plateau(0.1)
jaxlr.reduce_on_plateau(lambda count: 0.1)
jaxlr.reduce_on_plateau(0.1, mode="least")  # type: ignore[arg-type]
jaxlr.reduce_on_plateau(0.1, rtol=0.1)  # type: ignore[call-arg]
jaxlr.greedy(0.1)  # type: ignore[call-arg]


@jaxlr.adaptive_schedule(start=dict)
def own_rule(memory: Any, metric: Any, scale: Any, base: Any, schedule: jaxlr.feedback.Base) -> Any:
    return memory, scale / 2


assert_type(own_rule(0.1), jaxlr.AdaptiveSchedule)

lines = jaxlr.search.space(
    jaxlr.linear_schedule, jaxlr.search.log_uniform(0.01, 1.0), 0.0, jaxlr.search.integer(10, 100)
)
assert_type(lines, jaxlr.search.Space)
assert_type(jaxlr.search.choice([lines, lines], weights=[1.0, 2.0]), jaxlr.search.Distribution)
assert_type(jaxlr.search.sample(jax.random.key(0), lines, 10, "sobol"), jaxlr.Batch)
jaxlr.search.sample(jax.random.key(0), lines, 10, "sobo")  # type: ignore[arg-type]
jaxlr.search.uniform(0.0)  # type: ignore[call-arg]
jaxlr.search.integer("1", 2)  # type: ignore[arg-type]


@jaxlr.search.distribution
def own_distribution(quantile: Any, high: float) -> ArrayLike:
    return high * quantile


assert_type(own_distribution(0.1), jaxlr.search.Distribution)
own_distribution()  # type: ignore[call-arg]
