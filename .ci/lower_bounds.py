"""Prints the lower bounds of the core dependencies as the versions to install."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
print(*(dependency.replace(">=", "==") for dependency in project["dependencies"]))
