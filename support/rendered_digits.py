"""Digits rendered from matplotlib's fonts: a substitute for MNIST that needs no network."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from support.quiet import matplotlib, tf

# The test set uses different fonts from the training set; all of them come with matplotlib.
TRAIN_FONTS = (
    "DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSans-BoldOblique "
    "DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique DejaVuSansMono-BoldOblique "
    "STIXGeneral STIXGeneralBol STIXGeneralItalic STIXGeneralBolIta cmr10 cmtt10"
).split()
TEST_FONTS = "DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic DejaVuSerif-BoldItalic cmss10".split()


def rendered_digits(train, test):
    """Returns a training and a test set, each uint8 images [count, 784] and labels [count]."""
    random = np.random.default_rng(1)
    sets = []
    for fonts, count in ((TRAIN_FONTS, train), (TEST_FONTS, test)):
        glyphs = np.stack([draw_glyph(digit, font) for font in fonts for digit in "0123456789"])
        chosen = random.integers(len(glyphs), size=count)
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=glyphs[chosen][:, :, :, None],
            transforms=random_transforms(random, count),
            output_shape=[28, 28],
            fill_value=0.0,
            interpolation="BILINEAR",
        )
        sets.append((images.numpy().reshape(-1, 784), (chosen % 10).astype(np.uint8)))
    return sets


def draw_glyph(digit, font):
    """Returns the digit in the middle of a 28x28 image, uint8 [28, 28]."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    image = Image.new("L", (28, 28))
    # Digits about 20 pixels high, like MNIST's; "ms": the middle of the baseline is at (14, 23.5).
    style = {"font": ImageFont.truetype(str(path), 26), "anchor": "ms", "fill": 255}
    ImageDraw.Draw(image).text((14, 23.5), digit, **style)
    return np.asarray(image)


def random_transforms(random, count):
    """Returns projective transforms, output to input pixels, float32 [count, 8]."""
    turn = np.radians(random.uniform(-15, 15, count))
    shear = random.uniform(-0.25, 0.25, count)
    scale_x, scale_y = 1 / random.uniform(0.75, 1.15, (2, count))
    a, b = scale_x * np.cos(turn), scale_x * (shear * np.cos(turn) - np.sin(turn))
    c, d = scale_y * np.sin(turn), scale_y * (shear * np.sin(turn) + np.cos(turn))
    x, y = 13.5 + random.uniform(-2.5, 2.5, (2, count))  # 13.5 is an image's middle
    rows = [a, b, 13.5 - a * x - b * y, c, d, 13.5 - c * x - d * y, 0 * a, 0 * a]
    return np.stack(rows, axis=1).astype(np.float32)
