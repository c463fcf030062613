"""PostgreSQL and Valkey started from wheels, for the two-command set-up, the tests and the benchmarks.

Nothing here imports Django: the services must be up before the settings can be read.
"""
