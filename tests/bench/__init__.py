"""Figures: what `make bench` prints. Ratios within one run; nothing here passes or fails."""
