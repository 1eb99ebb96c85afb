"""What the speed claims in docs/performance.md rest on; `make bench` runs everything.

Machines differ and are shared, so only ratios count, each the median of pairs taken inside one interleaved run.
"""
