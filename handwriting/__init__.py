"""Beyond the post: your own handwriting, read by the second network."""

import sys

try:
    import scipy.ndimage  # noqa: F401
except ImportError as error:
    sys.exit(f"{error}. For handwriting: pip install -r handwriting/requirements.txt")
