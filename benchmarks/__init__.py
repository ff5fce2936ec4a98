"""Figures beside Baileys, from one run on one machine: `python -m benchmarks`; see README.md."""
