"""Each formula against the same formula in extended precision, at every count."""

import numpy as np
import pytest
from cases import CASES
from formulas import FORMULAS
from formulas.exact import COUNTS

pytestmark = pytest.mark.x64


def test_every_family_has_a_formula():
    drawn = {"with_noise"}  # Its values are drawn, not computed: tests/test_compose.py.
    assert set(FORMULAS) | drawn == {lr.family.name for lr in CASES.values()}


@pytest.mark.parametrize("family", FORMULAS)
def test_relative_error_is_below_one_millionth_at_every_count(family, subtests):
    for lr, formula in FORMULAS[family]:
        with subtests.test(str(lr)[:100]):
            exact = np.array([float(formula(int(t))) for t in COUNTS])
            values = np.asarray(lr(COUNTS), np.float64)
            zero = exact == 0
            np.testing.assert_array_equal(values[zero], 0)
            normal = np.abs(exact) > 1.2e-38  # Below, a float32 has fewer digits to keep.
            error = np.abs(values[normal] / exact[normal] - 1)
            assert error.max() < 1e-6, (COUNTS[normal][error.argmax()], error.max())
