"""Contrastive tuning of a body: batches, losses, gradients, the loop, and what runs beside it."""
