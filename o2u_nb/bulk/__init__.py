"""Score very many pictures by a finished audit: from Parquet tables to partitioned Parquet.

`parts` cuts the source into parts, `output` keeps what is written whole, `job` joins them and has
the engine of one process, and `on_ray` is the engine on Ray Data.
"""
