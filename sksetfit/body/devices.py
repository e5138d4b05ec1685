"""The device that a body is on: the one that is asked for, or the best of this machine."""

from __future__ import annotations

import torch

from sksetfit.body.loading.source import first_line


def chosen_device(device: str | None) -> torch.device:
    """Return the device of this name, or for None a GPU where there is one.

    Raises
    ------
    ValueError
        If it cannot be used on this machine.
    """
    if device is None:
        return _best_device()
    try:
        torch.zeros(1, device=device).cpu()  # which the device "meta" cannot do
    except Exception as error:  # torch raises what it likes where it was built without the device
        raise ValueError(
            f"device={device!r} cannot be used on this machine: {first_line(error)[:80]}. None takes a GPU where "
            f"torch finds one, and 'cpu' is always there."
        ) from None
    return torch.device(device)


def available_device(device: str | None) -> torch.device:
    """Return the device that a saved model asks for, or the best of a machine that does not have it."""
    try:
        return chosen_device(device)
    except ValueError:
        return _best_device()


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
