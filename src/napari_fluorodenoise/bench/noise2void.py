"""Noise2Void as CAREamics trains it, for a Python of its own: python noise2void.py NOISY.npy CLEAN.npy EPOCHS.

Run as a file in an environment that has numpy and careamics, and not this package; so it imports nothing of it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

__all__ = ["main"]


def main(noisy: str, clean: str, epochs: str) -> None:
    """Write to `clean` what Noise2Void, trained on the frames (T, Y, X) of the file `noisy`, makes of them."""
    frames = np.load(noisy).astype(np.float32)
    config = import_module("careamics.config").create_n2v_configuration(
        experiment_name="noise2void",
        data_type="array",
        axes="SYX",
        patch_size=[64, 64],
        batch_size=16,
        num_epochs=int(epochs),
        train_dataloader_params={"shuffle": True, "num_workers": 0},
        val_dataloader_params={"num_workers": 0},
    )
    trainer = import_module("careamics").CAREamist(source=config, work_dir=Path(clean).parent)
    held_out = max(1, len(frames) // 10)
    trainer.train(train_source=frames[held_out:], val_source=frames[:held_out])
    found = trainer.predict(source=frames, data_type="array", axes="SYX")
    stacked = np.concatenate([np.asarray(part) for part in found]) if isinstance(found, list) else np.asarray(found)
    np.save(clean, stacked.reshape(frames.shape))


if __name__ == "__main__":
    main(*sys.argv[1:])
