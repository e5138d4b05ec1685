"""What the fitted estimators of scikit-learn must hold, before one that was read is used."""
