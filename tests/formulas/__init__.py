"""Each family by its formula in extended precision, in a file for each room of the catalogue.

An entry is a schedule and its value at an integer count. Its family's name is that of its
constructor, and is written nowhere else.
"""

from formulas import annealings, cycles, decays, operators, piecewise, stable, transitions, warmups

FORMULAS = {}
for _room in (annealings, cycles, decays, operators, piecewise, stable, transitions, warmups):
    for _lr, _formula in _room.FORMULAS:
        FORMULAS.setdefault(_lr.family.name, []).append((_lr, _formula))
