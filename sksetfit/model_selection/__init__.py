"""Splits of few texts, and meta-estimators that choose thresholds on held-out rows."""
