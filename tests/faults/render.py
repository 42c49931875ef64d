"""Write docs/fault-matrix.md anew."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from matrix import page

page.render()
