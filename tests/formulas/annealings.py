"""Formulas of annealings."""

import mpmath

import jaxlr
from formulas.exact import T, between, cosine, f, rest


def hyperbola(t, bound):
    def depth(t):
        return mpmath.sqrt(f(T - t) / bound * (2 - f(T + t) / bound))

    return depth(0) - depth(min(t, T))


FORMULAS = [
    (
        jaxlr.rex_schedule(0.3, T, beta=0.9),
        lambda t: f(0.3) * rest(t) / (f(0.1) + f(0.9) * rest(t)),
    ),
    (
        jaxlr.tanh_decay_schedule(0.3, T, 0.001, -2.0, 2.0),
        lambda t: between(
            f(0.3),
            f(0.001),
            (mpmath.tanh(2) - mpmath.tanh(2 - 4 * rest(t))) / (2 * mpmath.tanh(2)),
        ),
    ),
    (
        jaxlr.k_decay_schedule(0.3, T, 0.001, 1.5),
        lambda t: between(f(0.3), f(0.001), cosine((1 - rest(t)) ** f(1.5))),
    ),
    (
        jaxlr.k_decay_schedule(0.3, T, 0.001, 3.0, jaxlr.curves.polynomial(0.5)),
        lambda t: between(f(0.3), f(0.001), mpmath.sqrt(1 - (1 - rest(t)) ** 3)),
    ),
    (
        jaxlr.half_cosine_schedule(0.3, T),
        lambda t: f(0.3) * 2 * mpmath.sin(mpmath.pi / 4 * rest(t)) ** 2,
    ),
    (
        jaxlr.half_cosine_schedule(0.0, T, 0.3),
        lambda t: f(0.3) * mpmath.sin(mpmath.pi / 2 * (1 - rest(t))),
    ),
    (
        jaxlr.cosine_linear_envelope_schedule(0.3, T, 0.01),
        lambda t: between(f(0.3), f(0.003), rest(t) * cosine(1 - rest(t))),
    ),
    (
        jaxlr.cosine_linear_envelope_schedule(0.3, T),
        lambda t: f(0.3) * rest(t) * cosine(1 - rest(t)),
    ),
    (
        jaxlr.hyperbolic_decay_schedule(0.3, T, 0.001, 2 * T),
        lambda t: between(f(0.001), f(0.3), hyperbola(t, 2 * T)),
    ),
    (
        jaxlr.hyperbolic_decay_schedule(0.3, T, 0.0, T + 10),
        lambda t: between(0, f(0.3), hyperbola(t, T + 10)),
    ),
    (
        jaxlr.hyperbolic_decay_schedule(0.3, T, 0.0, T),
        lambda t: f(0.3) * rest(t),
    ),
    (
        jaxlr.exp_hyperbolic_decay_schedule(0.3, T, 3e-7, T),
        lambda t: f(0.3) * f("1e-6") ** hyperbola(t, T),
    ),
    (
        jaxlr.exp_hyperbolic_decay_schedule(0.3, T, 0.0003, 2 * T),
        lambda t: f(0.3) * f("0.001") ** hyperbola(t, 2 * T),
    ),
]
