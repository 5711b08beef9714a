"""What lies in an audit folder is checked, claimed and made again; torch is not needed.

`claim` gives an output folder to one job at a time. `trace_file` and `tables` describe what files
hold, and check them when they are opened. `verify` reads every byte; `rebuild` makes again what can
be made from the samples and the traces.
"""
