"""Schedules that rise and fall, once or repeatedly."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.catalogue.piecewise import piecewise_curve_schedule
from jaxlr.catalogue.warmups import warmup_cosine_decay_schedule
from jaxlr.core.export import exported_tuple
from jaxlr.core.numbers import (
    as_float,
    as_number,
    as_steps,
    exact,
    known,
    namespace,
    on_host,
    stack,
)
from jaxlr.core.parameters import Fraction, Kind, Period, Positive, Steps, Value, is_sequence
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.curves import Shape, along
from jaxlr.exact.cycles import Length, as_instant, cycle_of, length
from jaxlr.exact.doubles import Double, divide, double, exponential, log
from jaxlr.exact.intervals import by_interval
from jaxlr.exact.parameters import Exponent
from jaxlr.exact.powers import raised
from jaxlr.exact.time import (
    Instant,
    Progress,
    blend,
    instant,
    inverse,
    later,
    phase,
    progress_in,
    steps_since,
    total,
    whole_periods,
)


def _check_onecycle(*, pct_start: ArrayLike, pct_final: ArrayLike, **_: Any) -> None:
    if np.any(np.asarray(pct_start) > np.asarray(pct_final)):
        raise ValueError(
            f"`pct_final` must be at least `pct_start`, got {pct_final} and {pct_start}. Both are "
            "parts of the whole cycle."
        )


@schedule(check=_check_onecycle)
def linear_onecycle_schedule(
    transition_steps: Period,
    peak_value: Value,
    pct_start: Fraction = 0.3,
    pct_final: Fraction = 0.85,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    r"""A schedule of three lines: up to a peak, back down, and on to nearly 0.

    The corners are at the counts :math:`0`, :math:`\lfloor p_s T \rfloor`,
    :math:`\lfloor p_f T \rfloor` and :math:`T`, where the values are :math:`M / d`, :math:`M`,
    :math:`M / d` and :math:`M / (d\, d_f)`.

    Args:
      transition_steps: :math:`T`, the length of the cycle.
      peak_value: :math:`M`.
      pct_start: :math:`p_s`, the part of the cycle before the peak (0.3, not 30).
      pct_final: :math:`p_f`, the part of the cycle before the last line.
      div_factor: :math:`d`, the ratio of the peak to the first value.
      final_div_factor: :math:`d_f`, the ratio of the first value to the last.

    Returns:
      The schedule. It holds its last value.

    Raises:
      ValueError: if ``transition_steps`` or a factor is not positive, or a part not in [0, 1].

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.linear_onecycle_schedule(8, 1.0, 0.25, 0.75, 4.0, 4.0)(jnp.arange(0, 10, 2))
    Array([0.25  , 1.    , 0.625 , 0.25  , 0.0625], dtype=float32)

    References:
      Smith and Topin, `Super-Convergence: Very Fast Training of Neural Networks Using Large
      Learning Rates <https://arxiv.org/abs/1708.07120>`_, 2017
    """
    up, down = (_steps_in(fraction, transition_steps) for fraction in (pct_start, pct_final))
    low = divide(peak_value, div_factor)
    values = stack(low, peak_value, low, divide(low, final_div_factor))
    return piecewise_curve_schedule(_knots(0, up, down, transition_steps), values)


@schedule
def cosine_onecycle_schedule(
    transition_steps: Period,
    peak_value: Value,
    pct_start: Fraction = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    r"""A schedule of two half cosine waves: up to a peak, and down to nearly 0.

    At the counts :math:`0`, :math:`\lfloor p_s T \rfloor` and :math:`T` the values are
    :math:`M / d`, :math:`M` and :math:`M / (d\, d_f)`.

    Args:
      transition_steps: :math:`T`, the length of the cycle.
      peak_value: :math:`M`.
      pct_start: :math:`p_s`, the part of the cycle before the peak (0.3, not 30).
      div_factor: :math:`d`, the ratio of the peak to the first value.
      final_div_factor: :math:`d_f`, the ratio of the first value to the last.

    Returns:
      The schedule. It holds its last value.

    Raises:
      ValueError: if ``transition_steps`` or a factor is not positive, or a part not in [0, 1].

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_onecycle_schedule(8, 1.0, 0.25, div_factor=4.0, final_div_factor=4.0)
    >>> print(np.asarray(lr(np.array([0, 1, 2, 5, 8]))).round(3))
    [0.25  0.625 1.    0.531 0.062]

    References:
      Smith and Topin, `Super-Convergence: Very Fast Training of Neural Networks Using Large
      Learning Rates <https://arxiv.org/abs/1708.07120>`_, 2017
    """
    low = divide(peak_value, div_factor)
    values = stack(low, peak_value, divide(low, final_div_factor))
    knots = _knots(0, _steps_in(pct_start, transition_steps), transition_steps)
    return piecewise_curve_schedule(knots, values, "cosine")


def _knots(*times: ArrayLike) -> Any:
    """Stacks times; traced ones become instants, so that whole steps stay exact."""
    if on_host(*times):
        return np.stack(times)
    return Instant(*(stack(*numbers) for numbers in zip(*map(instant, times), strict=True)))


def _steps_in(fraction: ArrayLike, steps: ArrayLike) -> Any:
    """Returns ``floor(fraction * steps)``, in double precision for host numbers."""
    if on_host(fraction, steps):
        return np.floor(np.asarray(fraction, np.float64) * steps).astype(np.int64)
    return as_number(jnp.floor(as_float(fraction) * as_float(steps)).astype(int))


def _check_three_phases(*, pct_start: ArrayLike, three_phase: bool, **_: Any) -> None:
    if three_phase and np.any(np.asarray(pct_start) > 0.5):
        raise ValueError(
            f"`pct_start` must be at most 0.5 with `three_phase`, got "
            f"{pct_start}. The second phase is as long as the first."
        )


@schedule(check=_check_three_phases)
def onecycle_schedule(
    transition_steps: Period,
    peak_value: Value,
    pct_start: Fraction = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
    curve: Shape = "cosine",
    end_at: Literal["last_update", "transition_steps"] = "last_update",
) -> Schedule:
    r"""A schedule that rises to a peak and falls to nearly 0, along any curve.

    The values are :math:`M / d` at count 0, :math:`M` at :math:`c` and :math:`M / (d\, d_f)` at
    :math:`e`. With three phases, the value at :math:`2 c` is :math:`M / d`.

    Args:
      transition_steps: :math:`T`, the number of updates.
      peak_value: :math:`M`.
      pct_start: :math:`p_s`, the part of the cycle before the peak (0.3, not 30).
      div_factor: :math:`d`, the ratio of the peak to the first value.
      final_div_factor: :math:`d_f`, the ratio of the first value to the last.
      three_phase: whether to return to the first value in as many steps as the rise took, and only
        then go to the last value.
      curve: the curve of every phase: one of :mod:`jaxlr.curves` or its name.
      end_at: the count of the last value. With ``"last_update"`` it is :math:`e = T - 1`, and the
        peak is at :math:`c = \max(p_s T - 1, 0)`, which may be between two counts. With
        ``"transition_steps"`` it is one later, :math:`e = T`, and
        :math:`c = \lfloor p_s T \rfloor`.

    Returns:
      The schedule. It holds its last value.

    Raises:
      ValueError: if ``transition_steps`` or a factor is not positive, if ``pct_start`` is not in
        [0, 1], or is above 0.5 with three phases.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.onecycle_schedule(
    ...     7, 1.0, 3 / 7, div_factor=2.0, final_div_factor=4.0, curve="linear")(jnp.arange(9))
    Array([0.5    , 0.75   , 1.     , 0.78125, 0.5625 , 0.34375, 0.125  ,
           0.125  , 0.125  ], dtype=float32)

    References:
      Smith and Topin, `Super-Convergence: Very Fast Training of Neural Networks Using Large
      Learning Rates <https://arxiv.org/abs/1708.07120>`_, 2017. By default this is ``OneCycleLR``
      in PyTorch and ``OneCycle`` in MMEngine up to count ``transition_steps - 1``; theirs continue
      beyond it. ``OneCycleLR`` in Paddle takes the last value itself: ``final_div_factor =
      peak_value / div_factor / end``. :func:`cosine_onecycle_schedule` and ``fit_one_cycle`` in
      fastai have ``end_at="transition_steps"``; fastai's ``div_final`` is the ratio of the peak to
      the last value.
    """
    low = divide(peak_value, div_factor)
    if end_at == "last_update":
        peak, end = _last(exact(pct_start) * exact(transition_steps)), _last(transition_steps)
    else:
        peak, end = _steps_in(pct_start, transition_steps), transition_steps
    middle, lows = ([2 * peak], [low]) if three_phase else ([], [])
    values = stack(low, peak_value, *lows, divide(low, final_div_factor))
    return piecewise_curve_schedule(_knots(0, peak, *middle, end), values, curve)


def _last(steps: Any) -> Any:
    """Returns the last count of a number of steps; 0 if there are no steps."""
    return namespace(steps).maximum(steps - 1, 0)


def _check_gamma(*, mode: str, gamma: ArrayLike, **_: Any) -> None:
    if mode != "exp_range" and np.any(np.asarray(gamma) != 1.0):
        raise ValueError(
            f"`gamma` has no effect in mode {mode!r}, got {gamma}. Give "
            "mode='exp_range' with it, or leave it at 1."
        )


@exported_tuple
class _Cycle(NamedTuple):
    """The lengths within a cycle, and the logarithm of the shrink factor if there is one."""

    up: Instant
    length: Length
    rate: Double | None


def _cycle(
    *,
    step_size_up: ArrayLike,
    step_size_down: ArrayLike | None,
    mode: str,
    gamma: ArrayLike,
    **_: Any,
) -> _Cycle:
    """Computes the lengths and the shrink rate, in double precision for host numbers."""
    down = step_size_up if step_size_down is None else step_size_down
    factor = {"triangular": None, "triangular2": 0.5, "exp_range": gamma}[mode]
    rate = None if factor is None else double(log(factor))
    return _Cycle(instant(step_size_up), length(step_size_up, down), rate)


@schedule(prepare=_cycle, check=_check_gamma)
def cyclic_schedule(
    count: jax.Array,
    cycle: _Cycle,
    base_value: Value,
    max_value: Value,
    step_size_up: Period,
    step_size_down: Steps | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: Positive = 1.0,
    curve: Shape = "linear",
) -> jax.Array:
    r"""A schedule that moves up and down between two values, over and over.

    In each cycle the value rises from :math:`B` to :math:`B + (M - B) g` and back, where :math:`g`
    is 1, or :math:`2^{-i}` in cycle :math:`i`, or :math:`\gamma^t` at count :math:`t`.

    Args:
      base_value: :math:`B`, the value at the start and the end of every cycle.
      max_value: :math:`M`, the value at the top of the first cycle if it does not shrink.
      step_size_up: the number of steps from the base to the top.
      step_size_down: the number of steps back to the base; None means ``step_size_up``, and 0 drops
        at once.
      mode: the choice of :math:`g`: ``"triangular"`` for 1, ``"triangular2"`` to halve in each
        cycle, ``"exp_range"`` for a power of ``gamma``.
      gamma: :math:`\gamma`, the factor per step in mode ``"exp_range"``.
      curve: the curve of the rise, one of :mod:`jaxlr.curves` or its name; the fall mirrors it.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``step_size_up`` or ``gamma`` is not positive, ``step_size_down`` is negative,
        or ``gamma`` is given in a mode that does not use it.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.cyclic_schedule(0.0, 1.0, 2, mode="triangular2")(jnp.arange(10))
    Array([0.   , 0.5  , 1.   , 0.5  , 0.   , 0.25 , 0.5  , 0.25 , 0.   ,
           0.125], dtype=float32)

    A cosine that starts at the top and rises again, as in PyTorch beyond ``T_max``:

    >>> import numpy as np
    >>> lr = jaxlr.cyclic_schedule(1.0, 0.0, step_size_up=3, curve="cosine")
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [1.   0.75 0.25 0.   0.25 0.75 1.   0.75]

    References:
      Smith, `Cyclical Learning Rates for Training Neural Networks
      <https://arxiv.org/abs/1506.01186>`_, 2017. ``CyclicLR`` in PyTorch and in Paddle use the
      same names. ``LinearCyclicalScheduler`` in Ignite starts at the top. ``Sin``, ``SinDecay2``
      and ``SinExp`` in ParameterSchedulers.jl are the three modes with ``curve="sine"`` and a
      period of twice ``step_size_up``.
    """
    number, begin, end = cycle_of(count, cycle.length)
    top = later(begin, cycle.up)
    rise = progress_in(count, phase(Instant(0, 0.0), cycle.up)._replace(begin=begin, end=top))
    down = phase(cycle.up, as_instant(cycle.length))
    fall = progress_in(count, down._replace(begin=top, end=end))
    rises = rise.remaining > 0.0
    risen, missing = (jnp.where(rises, x, y) for x, y in zip(rise, fall[::-1], strict=True))
    peak = max_value
    if cycle.rate is not None:
        times = count if mode == "exp_range" else number
        shrink = exponential(times, cycle.rate)
        # One minus the power, which has lost its digits where the rate is near 1.
        lost = -jnp.expm1(as_float(times) * (cycle.rate.high + cycle.rate.low))
        peak = blend(base_value, max_value, shrink, lost)
    return along(curve, Progress(risen, missing), base_value, peak)


@schedule
def cyclic_polynomial_schedule(
    count: jax.Array,
    init_value: Value,
    end_value: Value,
    power: Exponent,
    transition_steps: Period,
) -> jax.Array:
    r"""A schedule that restarts a polynomial decay with a longer horizon each time it ends.

    .. math::
      E + (I - E) \left(1 - \frac{t}{H}\right)^P, \qquad H = T \max(1, \lceil t / T \rceil)

    Args:
      init_value: :math:`I`, the value at count 0.
      end_value: :math:`E`, the value at every multiple of ``transition_steps`` except 0.
      power: :math:`P`; 1 is a line, above 1 most of the way is made early, below 1 late.
      transition_steps: :math:`T`, the first horizon, and the amount by which it grows.

    Returns:
      The schedule. It has no end; after each multiple of ``transition_steps`` it jumps up, to
      a lower value each time.

    Raises:
      ValueError: for a negative power, or if ``transition_steps`` is not positive.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.cyclic_polynomial_schedule(1.0, 0.0, 1.0, transition_steps=2)(jnp.arange(6))
    Array([1.        , 0.5       , 0.        , 0.25      , 0.        ,
           0.16666667], dtype=float32)

    References:
      ``PolynomialDecay`` in Keras and in Paddle, and ``PolynomialDecayAnnealing`` in NeMo, each
      with ``cycle=True``.
    """
    count, steps = as_steps(count, transition_steps)
    begun = whole_periods(count, steps)
    own = count - begun * steps
    started, ended = count > 0, (begun > 0) & (own <= 0)
    horizons = jnp.where(ended, begun, begun + 1)
    left = jnp.where(ended, jnp.zeros_like(own), steps - own)
    unit = inverse(as_float(horizons) * as_float(steps))
    elapsed = jnp.where(ended, 1.0, as_float(count) * unit)
    fraction = Progress(elapsed, jnp.where(started, as_float(left) * unit, 1.0))
    return blend(init_value, end_value, *raised(fraction, power))


def _column(numbers: Any) -> Any:
    """Returns the numbers as one array, in NumPy if all are on the host."""
    on_the_host = on_host(*jax.tree.leaves(numbers))
    return np.asarray(numbers) if on_the_host else jnp.asarray(numbers)


class _Cycles(Kind):
    """A list with the arguments of each cycle, stored as one dict of arrays."""

    name = "Sequence[Mapping[str, ArrayLike]]"

    def store(self, where: str, value: Any) -> Any:
        family = warmup_cosine_decay_schedule.family
        if isinstance(value, Mapping):  # One array for each argument.
            lengths = {np.shape(column)[-1:] for column in value.values()}
            if len(lengths) != 1 or lengths <= {(), (0,)}:
                raise ValueError(
                    f"{where} must have one number for each cycle, and one cycle at least, in all "
                    f"of its arrays, got {value!r}."
                )
            rest = np.ones(next(iter(lengths)))  # Defaults apply to all cycles.
            columns = {
                name: column if name in value else column * rest
                for name, column in family.bind(**value).items()
            }
        else:
            if not is_sequence(value) or not all(isinstance(x, Mapping) for x in value):
                raise TypeError(
                    f"{where} must be a list of dicts, the arguments of each cycle, got {value!r}."
                )
            if not value:
                raise ValueError(f"{where} must have at least one cycle, got {value!r}.")
            cycles = [family.build(**cycle).params for cycle in value]  # This checks them.
            columns = {name: [cycle[name] for cycle in cycles] for name in cycles[0]}
        return super().store(where, {name: _column(x) for name, x in columns.items()})

    def check(self, where: str, value: Any) -> None:
        warmup_cosine_decay_schedule(**value)

    def prepare(self, value: Any) -> Any:
        kinds = warmup_cosine_decay_schedule.family.kinds
        return {name: kinds[name].prepare(column) for name, column in value.items()}

    def plain(self, value: Any) -> Any:
        kinds = warmup_cosine_decay_schedule.family.kinds
        return {name: kinds[name].plain(column) for name, column in value.items()}

    def text(self, value: Any) -> str:
        if known(value) and all(np.ndim(column) == 1 for column in value.values()):
            rows = zip(*map(np.asarray, value.values()), strict=True)
            return super().text([dict(zip(value, row, strict=True)) for row in rows])
        return super().text(value)


@schedule
def sgdr_schedule(
    count: jax.Array,
    cosine_kwargs: Annotated[Sequence[Mapping[str, ArrayLike]], _Cycles()],
) -> jax.Array:
    """A schedule that runs warm-ups and cosine decays one after another, as in SGDR.

    Args:
      cosine_kwargs: a dict of arguments of :func:`warmup_cosine_decay_schedule` for each cycle;
        ``decay_steps`` is the length of the cycle.

    Returns:
      The schedule. It holds the last value of the last cycle.

    Raises:
      ValueError: if :func:`warmup_cosine_decay_schedule` rejects the arguments of a cycle.

    >>> import jaxlr, numpy as np
    >>> cycles = [
    ...     dict(init_value=0.0, peak_value=1.0, warmup_steps=1, decay_steps=3),
    ...     dict(init_value=0.0, peak_value=0.5, warmup_steps=1, decay_steps=3),
    ... ]
    >>> print(np.asarray(jaxlr.sgdr_schedule(cycles)(np.arange(8))).round(3))
    [0.   1.   0.5  0.   0.5  0.25 0.   0.  ]

    References:
      Loshchilov and Hutter, `SGDR: Stochastic Gradient Descent with Warm Restarts
      <https://arxiv.org/abs/1608.03983>`_, 2017
    """
    arguments: Any = cosine_kwargs
    ends = jax.lax.associative_scan(total, arguments["decay_steps"])
    starts = jnp.concatenate([jnp.zeros_like(ends, shape=1), ends[:-1]])
    warmup_cosine = warmup_cosine_decay_schedule.family.function

    def of_cycle(count: jax.Array, entry: Any) -> jax.Array:
        start, arguments = entry
        value: jax.Array = warmup_cosine(steps_since(count, start), **arguments)
        return value

    return by_interval(of_cycle, starts[1:], count, (starts, arguments))
