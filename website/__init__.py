"""How the documentation site is made: from docs, README, notebooks, benchmarks and docstrings.

`make docs` calls `executed`, which runs the notebooks whose outputs are not there, and then mkdocs,
which calls `hooks`. Out goes build/site, which asks no other host for anything.
"""
