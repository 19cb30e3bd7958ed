"""Formulas of schedules of schedules."""

import jax.numpy as jnp
import mpmath

import jaxlr
from formulas.exact import T, between, clip, cosine, f, rest


def repeated(first, growth, shrink, cycles, inside):
    def value(t):
        start, length, i = f(0), f(first), 0
        while start + length <= t and i < cycles - 1:
            start, length, i = start + length, length * growth, i + 1
        return f(shrink) ** i * inside(first * min((t - start) / length, f(1)))

    return value


FORMULAS = [
    (
        jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.3, T), 1000, 0.01),
        lambda t: (
            between(f(0.01), f(0.3), 1 - f(t) / 1000)
            if t < 1000
            else f(0.3) * cosine(clip(f(t - 1000) / T))
        ),
    ),
    (
        jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.3, T), 1000, 0.01, mode="overlay"),
        lambda t: between(
            f(0.01), f(0.3) * cosine(clip(f(max(t, 1000)) / T)), clip(1 - f(t) / 1000)
        ),
    ),
    (
        jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.3, T), 1000, mode="multiply"),
        lambda t: f(0.3) * cosine(clip(f(t) / T)) * clip(f(t) / 1000),
    ),
    (
        jaxlr.with_cooldown(jaxlr.inverse_sqrt_schedule(0.3, 1000), T, 30_000, 1e-6),
        lambda t: between(
            f(0.3) * mpmath.sqrt(f(1000) / max(min(t, T), 1000)),
            f(1e-6),
            clip(1 - f(t - T) / 30_000),
        ),
    ),
    (
        jaxlr.shift_schedule(jaxlr.cosine_decay_schedule(0.3, T - 1000), 1000),
        lambda t: f(0.3) * cosine(clip(f(t - 1000) / (T - 1000))),
    ),
    (
        jaxlr.shift_schedule(jaxlr.cosine_decay_schedule(0.3, T + 1000), -1000),
        lambda t: f(0.3) * cosine(clip(f(t + 1000) / (T + 1000))),
    ),
    (
        jaxlr.stretch_schedule(jaxlr.inverse_time_decay(0.3, 1000, 0.7), 3),
        lambda t: f(0.3) / (1 + f(0.7) * t / 3000),
    ),
    (
        jaxlr.per_epoch(jaxlr.cosine_decay_schedule(0.3, 1000), 1407),
        lambda t: f(0.3) * cosine(clip(f(t // 1407) / 1000)),
    ),
    (
        jaxlr.repeat_schedule(jaxlr.linear_schedule(0.3, 0.0, 123_457), 123_457, m_mul=0.99),
        repeated(123_457, 1, 0.99, 10**6, lambda t: f(0.3) * (1 - t / 123_457)),
    ),
    (
        jaxlr.repeat_schedule(jaxlr.linear_schedule(0.3, 0.1, 1000), 1000, 2.0, 0.9, 12),
        repeated(1000, 2, 0.9, 12, lambda t: between(f(0.3), f(0.1), 1 - t / 1000)),
    ),
    (
        jaxlr.linear_schedule(0.3, 0.0, T) + 0.01,
        lambda t: f(0.3) * rest(t) + f(0.01),
    ),
    (
        jaxlr.cosine_decay_schedule(0.3, T) * jaxlr.linear_schedule(1.0, 0.1, T) * 0.7,
        lambda t: f(0.3) * cosine(1 - rest(t)) * between(1, f(0.1), rest(t)) * f(0.7),
    ),
    (
        jaxlr.clip_schedule(jaxlr.exponential_decay(0.3, 1000, 0.99), 0.001, 0.2),
        lambda t: min(max(f(0.3) * f(0.99) ** (f(t) / 1000), f(0.001)), f(0.2)),
    ),
    (
        jaxlr.window_schedule(jaxlr.cosine_decay_schedule(0.3, T), 500, T, 0.1),
        lambda t: f(0.3) * cosine(f(t - 500) / T) if 500 <= t < T else f(0.1),
    ),
    (
        jaxlr.join_schedules(
            [jaxlr.linear_schedule(0.0, 0.3, 1000), jaxlr.cosine_decay_schedule(0.3, T)],
            [1000],
            clock="absolute",
        ),
        lambda t: f(0.3) * (f(t) / 1000 if t < 1000 else cosine(clip(f(t) / T))),
    ),
    (
        jaxlr.join_schedules(
            [jaxlr.inverse_sqrt_schedule(0.3, 1000), jaxlr.linear_schedule(0.7, 0.0, T)],
            [9000],
            carry_over=True,
        ),
        lambda t: (
            f(0.3) * mpmath.sqrt(f(1000) / max(t, 1000))
            if t < 9000
            else f(0.1) * clip(1 - f(t - 9000) / T)
        ),
    ),
    (
        jaxlr.wrap(lambda count: jnp.where(count < 1000, 0.3, 0.1)),
        lambda t: f(0.3) if t < 1000 else f(0.1),
    ),
]
