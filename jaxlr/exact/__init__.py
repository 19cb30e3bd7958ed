"""Arithmetic that keeps its digits: what every formula is made of."""
