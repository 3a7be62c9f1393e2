"""The figure of handwriting: a made-up photo, and the 28x28 pixels that are read from it."""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from handwriting import image, photo


def test_figure_shows_the_photo_and_what_is_read_from_it(tmp_path):
    pixels = photo.make_photo()
    left, right = photo.draw(pixels).axes
    plt.close("all")
    np.testing.assert_array_equal(left.images[0].get_array(), pixels)
    Image.fromarray(pixels).save(tmp_path / "two.png")
    expected = image.read_image(tmp_path / "two.png").reshape(28, 28)
    np.testing.assert_allclose(right.images[0].get_array(), expected, atol=0.2)  # it is a JPEG
