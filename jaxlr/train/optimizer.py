"""An optimizer taken apart, into the structure to compile in and the schedules.

The learning rate and all other scheduled hyperparameters reach the optimizer through
``optax.inject_hyperparams``; :func:`split_optimizer` says which these are.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from optax import GradientTransformationExtraArgs

from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, OneOrNumber
from jaxlr.train.stateful import is_stateful
from jaxlr.train.types import OptimizerFactory, PyTree, ScheduleLike

__all__ = ["Optimizer", "as_schedule", "split_optimizer"]


class Optimizer(NamedTuple):
    """The part of an optimizer that is structure, in a form that can be compared and hashed.

    Attributes:
      factory: makes the optimizer from keyword arguments.
      leaves: its fixed arguments, flattened.
      structure: how to unflatten them to a dict.
    """

    factory: OptimizerFactory
    leaves: tuple[Any, ...]
    structure: PyTree

    @property
    def fixed(self) -> dict[str, Any]:
        """The arguments that are compiled in, by name."""
        arguments: dict[str, Any] = jax.tree.unflatten(self.structure, self.leaves)
        return arguments

    def build(self, hyperparameters: Mapping[str, Any]) -> GradientTransformationExtraArgs:
        """Makes the optimizer, with the given schedules for the arguments that are not fixed."""

        def factory(**values: Any) -> Any:
            return self.factory(**self.fixed, **values)

        # inject_hyperparams takes every callable for a schedule and every number for a traced one.
        # It is shown the schedules alone: a weight decay mask stays a mask, a size stays a size.
        keyword = inspect.Parameter.KEYWORD_ONLY
        signature = inspect.Signature([inspect.Parameter(k, keyword) for k in hyperparameters])
        factory.__signature__ = signature  # type: ignore[attr-defined]
        inject = optax.inject_hyperparams(factory, hyperparam_dtype=jnp.float32)
        return inject(**hyperparameters)


def as_schedule(schedule: ScheduleLike, name: str = "schedule") -> Any:
    """Returns a schedule in the form to hand to compiled code.

    Args:
      schedule: a :class:`jaxlr.Schedule`, a function of the count, a number, or a stateful schedule
        of optax (with ``init`` and ``update``) that is a pytree.
      name: the name of the argument, for errors.

    Returns:
      The schedule, a pytree of arrays. A stateful schedule of optax is returned as it is.

    Raises:
      TypeError: if it is none of these.

    >>> as_schedule(0.1)(5)
    Array(0.1, dtype=float32)
    """
    if isinstance(schedule, AdaptiveSchedule):
        return schedule.as_arrays()
    if is_stateful(schedule):
        return schedule
    return OneOrNumber().store(f"`{name}`", schedule).as_arrays()


def split_optimizer(
    optimizer: OptimizerFactory, hyperparameters: Mapping[str, Any]
) -> tuple[Optimizer, dict[str, Any]]:
    """Separates an optimizer into its structure and its schedules.

    Schedules are the given hyperparameters and, among the keywords of a ``functools.partial``, each
    :class:`jaxlr.Schedule`, each array of floats, and each function given for a parameter whose
    default is a number. All else is compiled in, exactly as optax has it.

    Args:
      optimizer: a function with a parameter ``learning_rate`` that makes an optax optimizer, such
        as ``optax.adam`` or ``functools.partial(optax.adamw, weight_decay=0.1, mask=mask)``.
      hyperparameters: schedules by parameter name, ``learning_rate`` among them. They are handed on
        as they are.

    Returns:
      The structure, and the schedules by parameter name.

    Raises:
      TypeError: if the optimizer is made already or has no such open parameter.

    >>> import functools, jaxlr, optax
    >>> decay = jaxlr.linear_schedule(0.1, 0.0, transition_steps=100)
    >>> optimizer, schedules = split_optimizer(
    ...     functools.partial(optax.adamw, b2=0.99, weight_decay=decay), {"learning_rate": 0.001})
    >>> optimizer.fixed, list(schedules)
    ({'b2': 0.99}, ['learning_rate', 'weight_decay'])
    """
    factory, keywords = optimizer, {}
    if isinstance(optimizer, functools.partial) and not optimizer.args:
        factory, keywords = optimizer.func, optimizer.keywords
    parameters = _parameters_of(factory)
    for name in ("learning_rate", *hyperparameters):
        if name not in parameters or name in keywords:
            raise TypeError(
                f"`optimizer` must be a function with an open parameter `{name}`, got "
                f"{optimizer!r}. Give optax.adam, not optax.adam(0.1); for other hyperparameters "
                "give functools.partial(optax.adam, b2=0.99)."
            )
    fixed, schedules = {}, dict(hyperparameters)
    for name, value in keywords.items():
        if _is_scheduled(value, parameters.get(name)):
            schedules[name] = as_schedule(value, name)
        else:
            fixed[name] = value
    leaves, structure = jax.tree.flatten(fixed)
    return Optimizer(factory, tuple(leaves), structure), schedules


def _parameters_of(factory: Any) -> Mapping[str, inspect.Parameter]:
    if not callable(factory):
        return {}
    return inspect.signature(factory).parameters


def _is_scheduled(value: Any, parameter: inspect.Parameter | None) -> bool:
    if isinstance(value, Schedule) or is_stateful(value):
        return True
    if isinstance(value, jax.Array):
        return jnp.issubdtype(value.dtype, jnp.floating)
    # A function for a parameter such as `mask`, whose default is None, is not a schedule.
    default = parameter.default if parameter else None
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    return callable(value) and is_number
