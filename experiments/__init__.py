"""What the guide's numbers and pictures come from; the results are in results/."""

from pathlib import Path

IMAGES = Path(__file__).parents[1] / "docs" / "images"
