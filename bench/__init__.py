"""Benchmarks: what the walls of this house cost, as ratios measured in one run on one machine."""
