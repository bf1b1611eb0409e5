"""Which real recordings stand behind a driver; paths are within the captures folder.

The recordings were made by others and are not part of this repository. `VIGIL_CAPTURES` names their folder;
by default it is `shared/captures` beside the checkout.
"""

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CAPTURES = Path(os.environ.get("VIGIL_CAPTURES") or ROOT.parent / "shared" / "captures")

# A driver that has no simulator must be listed here.
RECORDINGS: Mapping[str, tuple[str, ...]] = {
    "nellcor": ("oximeters/nellcor_n560_realtime_2017-12-29.txt",),
    "ivy-450c": ("nibp/ivy450c_ansar_b.bin",),
    "alaris-gh": ("pumps/alaris_gh_serial_lines.txt",),
}
