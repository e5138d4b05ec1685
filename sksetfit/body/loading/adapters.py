"""Adapters (LoRA and the like, by the package peft), which are merged into the weights that they adapt."""

from __future__ import annotations

from typing import Any


def merge_adapters(transformer: Any) -> None:
    """Add what adapters have learned to the weights of a transformer, in place, and take them out.

    A transformer without adapters stays as it is.

    Raises
    ------
    ValueError
        If they are of a kind that cannot be merged.
    """
    if not getattr(transformer, "_hf_peft_config_loaded", False):
        return
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils import ModulesToSaveWrapper

    for path, layer in list(transformer.named_modules()):
        parent, _, name = path.rpartition(".")
        if isinstance(layer, BaseTunerLayer):
            layer.merge(safe_merge=True)
            setattr(transformer.get_submodule(parent), name, layer.get_base_layer())
        elif isinstance(layer, ModulesToSaveWrapper):  # modules that were tuned as a whole
            setattr(transformer.get_submodule(parent), name, layer.modules_to_save[layer.active_adapters[0]])
    if left := [name for name, _ in transformer.named_parameters() if "lora_" in name or "adapter" in name]:
        raise ValueError(f"its adapters cannot be merged: {left[0]!r} is left. Merge and save it with peft.")
    del transformer.peft_config
    transformer._hf_peft_config_loaded = False  # noqa: SLF001  (transformers has no way to unload what it merged)
