"""Whether an NVIDIA GPU computes here, told without importing torch on machines that have no driver for one."""

from __future__ import annotations

import shutil
from pathlib import Path


def has_gpu() -> bool:
    """Whether torch sees an NVIDIA GPU; torch is imported only where a driver is."""
    if not (shutil.which("nvidia-smi") or Path("/dev/nvidia0").exists()):
        return False
    import torch

    return bool(torch.cuda.is_available())
