"""One module for each kind of source; each reads into `Checked(samples, problems)`.

Use `data.sources.read`, which picks the reader. A reader turns its source into raw rows and hands
them to `data.checks.check`; it writes nothing and repairs nothing.
"""
