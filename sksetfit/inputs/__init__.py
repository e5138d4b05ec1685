"""What a fit is given: texts, targets and weights, checked."""
