"""Handwriting: whatever the pen, the paper and the file, the network gets what MNIST looks like."""

import functools
import io
import os
import shutil
import struct
import zlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw
from processes import SMALL, run

import double_conv
import handwriting
from double_conv import DoubleConv
from handwriting.form import like_mnist
from handwriting.ink import read_ink
from support import figures, input_data
from support.checkpoints import restore
from support.terminal import Failure

PHOTO = Path(handwriting.__file__).with_name("photo.jpg")
TWO = [(0, 40), (20, 5), (70, 5), (85, 35), (70, 75), (0, 150), (95, 145)]
UNIT = [(np.cos(t), np.sin(t)) for t in np.linspace(0, 2 * np.pi, 60)]
# Not symmetric: its centre of mass is not halfway between two pixels
RING = [(50 + (50 + 12 * y) * x + 6 * x * x, 75 + 75 * y) for x, y in UNIT]


def read_image(path):
    return like_mnist(read_ink(path))


def draw(points, pen=14, size=(300, 300), at=(90, 70)):
    """Draws a line with round ends and corners: ink, float32 [h, w]."""
    image = Image.new("L", (4 * size[0], 4 * size[1]))
    points = [(4 * (x + at[0]), 4 * (y + at[1])) for x, y in points]
    canvas = ImageDraw.Draw(image)
    canvas.line(points, fill=255, width=round(4 * pen), joint="curve")
    for x, y in points:
        canvas.ellipse([x - 2 * pen, y - 2 * pen, x + 2 * pen, y + 2 * pen], fill=255)
    return np.asarray(image.reduce(4), np.float32) / 255


def colours(ink, paper, pen):
    """Returns an image, uint8 [h, w, channels], of ink in the pen's colour on the paper's."""
    return np.uint8(np.array(paper) + ink[:, :, None] * (np.array(pen, float) - paper))


def grey(ink):
    """Returns an image of black ink on white paper."""
    return Image.fromarray(np.uint8(255 - 255 * ink))


def cropped(ink, margin=0):
    """Crops ink [h, w] to its strokes and a margin of what is around them."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis)) for axis in (1, 0))
    top, left = rows[0] - margin, columns[0] - margin
    return ink[top : rows[-1] + 1 + margin, left : columns[-1] + 1 + margin]


def saved(image, path, **options):
    image.save(path, **options)
    return path


def assert_alike(image, expected, tolerance=0.02):
    """Asserts that images [784] differ by at most `tolerance` of full ink, on average."""
    assert image.shape == (784,)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert abs(image - expected).mean() <= tolerance


def extent(image):
    """Returns the height and the width of an image's ink."""
    ink = image.reshape(28, 28) > 0
    return [int(np.ptp(np.flatnonzero(ink.any(axis)))) + 1 for axis in (1, 0)]


@pytest.mark.parametrize("turned", [False, True])
def test_the_longer_side_is_20_pixels_and_the_aspect_kept(turned):
    ink = draw(TWO)  # 164 pixels high and 109 wide, the pen included
    height, width = extent(like_mnist(ink.T if turned else ink))[:: -1 if turned else 1]
    assert height == 20
    assert abs(width - 20 * 109 / 164) <= 1


@pytest.mark.parametrize("points", [TWO, RING, [(0, 0), (0, 150), (100, 150)]])
def test_the_centre_of_mass_is_within_half_a_pixel_of_14(points):
    image = like_mnist(draw(points)).reshape(28, 28)
    for axis in (0, 1):
        assert abs(np.average(np.arange(28), weights=image.sum(axis)) - 14) <= 0.5


def test_the_box_stays_inside_if_the_ink_is_all_on_one_side():
    ink = np.zeros([300, 300])
    ink[10:290, 10:30] = ink[240:290, 10:290] = 1
    assert extent(like_mnist(ink)) == [20, 20]


def test_there_are_four_pixels_of_paper_around_a_square():
    image = like_mnist(np.pad(np.ones([100, 100]), 50)).reshape(28, 28)
    rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
    assert list(rows) == list(columns) == list(range(4, 24))


def test_size_and_place_do_not_matter():
    small, large = (draw(np.array(TWO) * k, 14 * k, (900, 900), (k * 9, k * 50)) for k in (1, 4))
    assert_alike(like_mnist(small), like_mnist(large))


def test_a_pens_strokes_are_as_thick_as_mnists():
    for pen in (3, 6, 14):
        image = like_mnist(draw([(0, 0), (0, 150)], pen)).reshape(28, 28)
        assert 1.8 <= image[14].sum() <= 2.2


def test_a_thick_pen_leaves_loops_open():
    eight = [(50 + 35 * np.sin(t), 35 + 35 * np.cos(t)) for t in np.linspace(0, 2 * np.pi, 60)]
    eight += [(x, 140 - y) for x, y in eight]
    image = like_mnist(draw(eight, pen=60)).reshape(28, 28)  # 30% of its height, 200 pixels
    upper, lower = image[4:14, 14], image[14:24, 14]
    assert upper.max() == lower.max() == 1
    assert upper[3:7].min() == lower[3:7].min() == 0


def test_range_of_a_float_image_does_not_matter(tmp_path):
    paper = 1 - 2 * draw(TWO)  # from -1 (ink) to 1
    image, huge = (
        read_image(saved(Image.fromarray(paper * np.float32(scale)), tmp_path / f"{scale}.tif"))
        for scale in (1, 3e38)
    )
    assert_alike(image, huge)


SEVEN = [(0, 0), (60, 0), (20, 100)]


@functools.cache  # the large ones take a while
def easy_picture(height, pen, margin):
    """Draws a 7, so high with a pen so thick and with a margin: ink, float32 [h, w]."""
    points = np.array(SEVEN) * (height - pen) / 100
    size = [round(side + pen + 2 * margin) for side in points.max(0)]
    return draw(points, pen, size, [margin + pen / 2] * 2)


EASY = [(16, 5), (28, 1), (28, 60), (400, 10), (400, 400), (2000, 60)]
TIGHT = [(16, 0), (28, 0), (400, 0)]


@pytest.mark.parametrize("light", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize(
    ("pen", "height", "margin"),
    [(pen, *size) for pen in (0.06, 0.12, 0.25) for size in EASY + TIGHT]
    + [(0.4, *size) for size in EASY],
)
def test_an_easy_picture_is_nearly_the_same_in_any_size(tmp_path, pen, height, margin, light):
    ink = easy_picture(height, max(1, pen * height), margin)
    path = saved(grey(1 - ink if light else ink), tmp_path / "seven.png")
    assert_alike(read_image(path), like_mnist(easy_picture(400, pen * 400, 100)), 0.035)


@pytest.mark.parametrize(
    ("pen", "tolerance"), [(0.03, 0.04), (0.06, 0.02), (0.25, 0.06), (0.4, 0.1)]
)
def test_a_thick_pens_seven_is_nearly_a_usual_pens(pen, tolerance):
    """A thick pen leaves a 7 that is shorter in its strokes."""
    usual = like_mnist(easy_picture(400, 48, 100))
    assert_alike(like_mnist(easy_picture(400, pen * 400, 100)), usual, tolerance)


@pytest.mark.parametrize(
    ("points", "pen", "height", "margin"),
    [
        (TWO, 45, 20, 0),
        (TWO, 55, 28, 0),
        (SEVEN, 55, 28, 0),
        (SEVEN, 60, 40, 0),
        (TWO, 75, 40, 2),
        (TWO, 80, 40, 2),
    ],
)
def test_a_small_digit_of_a_thick_pen_is_read(tmp_path, points, pen, height, margin):
    ink = draw(points, pen)
    tight = Image.fromarray(cropped(ink))
    width = round(height * tight.width / tight.height)
    small = np.asarray(tight.resize([width, height], Image.Resampling.BOX))
    path = saved(grey(np.pad(small, margin)), tmp_path / "digit.png")
    assert_alike(read_image(path), like_mnist(ink), 0.045)


@pytest.mark.parametrize("height", [50, 400])
def test_a_pen_of_one_pixel_is_read_as_a_thicker_one(tmp_path, height):
    path = saved(grey(easy_picture(height, 1, 20)), tmp_path / "seven.png")
    assert_alike(read_image(path), like_mnist(easy_picture(400, 48, 100)), 0.04)


def test_without_ink_all_is_zero():
    assert not like_mnist(np.zeros([280, 280])).any()


def shaded_and_noisy(ink):
    light = np.linspace(1, 150 / 255, ink.shape[1])
    noise = np.random.default_rng(0).normal(0, 8, ink.shape)
    return Image.fromarray(np.uint8(np.clip(255 * light * (1 - 0.85 * ink) + noise, 0, 255)))


def with_dust(ink):
    image = grey(ink)
    for x, y in ((5, 7), (280, 20), (30, 270)):
        ImageDraw.Draw(image).ellipse([x, y, x + 3, y + 3], fill=0)
    return image


def in_shadow(ink, width, light):
    """Returns an image of ink on paper with a shadow over its upper left corner."""
    light = np.where(np.add.outer(*map(np.arange, ink.shape)) < width, light, 1)
    return Image.fromarray(np.uint8(255 * (1 - ink) * light))


def white_is_transparent(image):
    """Returns the image with a transparent colour, which leaves soft edges opaque."""
    image.info["transparency"] = 255
    return image


IMAGES = {
    "light.png": lambda ink: Image.fromarray(np.uint8(255 * ink)),
    "red.png": lambda ink: Image.fromarray(colours(ink, (255, 255, 255), (255, 0, 0))),
    "yellow.png": lambda ink: Image.fromarray(colours(ink, (255, 255, 255), (255, 255, 0))),
    "blue_on_black.png": lambda ink: Image.fromarray(colours(ink, (0, 0, 0), (0, 0, 255))),
    "equally_bright.png": lambda ink: Image.fromarray(colours(ink, (180, 0, 0), (0, 180, 0))),
    "black.webp": lambda ink: Image.fromarray(colours(ink, (0, 0, 0, 0), (0, 0, 0, 255))),
    "white.png": lambda ink: Image.fromarray(colours(ink, (255,) * 3 + (0,), (255,) * 4)),
    "white_is_transparent.gif": lambda ink: white_is_transparent(grey(ink).convert("P")),
    "white_is_transparent.png": lambda ink: white_is_transparent(grey(ink)),
    "16_bit.png": lambda ink: Image.fromarray(np.uint16(60000 - 50000 * ink)),
    "32_bit.tif": lambda ink: Image.fromarray(np.int32(60000 - 50000 * ink)),
    "1_bit.png": lambda ink: Image.fromarray(ink < 0.5),
    "palette.gif": lambda ink: grey(ink).convert("P"),
    "cmyk.jpg": lambda ink: grey(ink).convert("RGB").convert("CMYK"),
    "shaded_and_noisy.png": shaded_and_noisy,
    "dust.png": with_dust,
    "dark_shadow_beside.png": lambda ink: in_shadow(ink, 110, 0.35),
    "light_shadow_across.png": lambda ink: in_shadow(ink, 300, 0.75),
}


@pytest.mark.parametrize("name", IMAGES)
def test_the_kind_of_file_ink_and_paper_does_not_matter(tmp_path, name):
    ink = draw(TWO)
    path = saved(IMAGES[name](ink), tmp_path / name)
    assert_alike(read_image(path), like_mnist(ink), 0.03)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, 1), (8, 3)])
def test_a_photo_turned_by_exif_is_upright(tmp_path, orientation, turns, suffix):
    exif = Image.Exif()
    exif[274] = orientation  # which way the camera was held
    ink = draw(TWO, size=(400, 300))
    path = saved(grey(np.rot90(ink, turns)), tmp_path / f"two.{suffix}", exif=exif)
    assert_alike(read_image(path), like_mnist(ink))


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_a_fine_pen_is_read_from_a_large_image(tmp_path, mode):
    points = np.array(TWO) * 3
    image = grey(draw(points, pen=4, size=(1400, 1200), at=(500, 300)))
    path = saved(image.convert(mode), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(draw(TWO, pen=14)), 0.05)


def test_paper_is_paper_even_if_a_thick_pen_covers_most_of_it(tmp_path):
    ink = draw(TWO, pen=45, size=(156, 206), at=(30, 27))
    assert ink.mean() > 0.5
    assert_alike(read_image(saved(grey(ink), tmp_path / "two.png")), like_mnist(ink))


@pytest.mark.parametrize(("bottom", "right"), [(300, 300), (242, 190)])
def test_a_digit_that_reaches_one_edge_or_all_is_kept(tmp_path, bottom, right):
    ink = draw(TWO)[72:bottom, 80 if right < 300 else 0 : right]
    assert_alike(read_image(saved(grey(ink), tmp_path / "two.png")), like_mnist(ink))


@pytest.mark.parametrize("light", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("margin", [0, 3])
@pytest.mark.parametrize("points", [TWO, RING], ids=["two", "ring"])
def test_a_digit_cropped_to_its_ink_is_read(tmp_path, points, margin, light):
    ink = draw(points)
    tight = cropped(ink, margin)
    path = saved(grey(1 - tight if light else tight), tmp_path / "digit.png")
    assert_alike(read_image(path), like_mnist(ink), 0.03)


def test_a_ring_that_fills_the_image_is_read_in_either_colour(tmp_path):
    ink = draw([(100 + 80 * x, 100 + 80 * y) for x, y in UNIT], 40, (200, 200), (0, 0))
    dark, light = (
        read_image(saved(grey(image), tmp_path / "zero.png")) for image in (ink, 1 - ink)
    )
    assert_alike(dark, like_mnist(ink))
    assert_alike(light, like_mnist(ink))


def test_a_part_that_reaches_the_edge_is_kept_beside_one_that_does_not(tmp_path):
    ink = np.maximum(draw([(0, 0), (0, 80), (60, 80)]), draw([(100, 30), (100, 250)]))
    path = saved(grey(ink), tmp_path / "four.png")
    assert_alike(read_image(path), like_mnist(ink))


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_a_scanners_black_border_is_not_ink(tmp_path, share):
    ink = draw(TWO)
    image = np.asarray(grey(ink)).copy()
    image[: round(300 * share)] = image[:, : round(300 * share)] = 0
    path = saved(Image.fromarray(image), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink))


def test_a_table_and_a_shadow_beside_the_paper_are_not_ink(tmp_path):
    ink = draw(TWO)
    image = np.asarray(in_shadow(ink[::-1], 110, 0.2))[::-1].copy()
    image[:40] = np.random.default_rng(0).integers(60, 110, (40, 300))
    path = saved(Image.fromarray(image), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink), 0.03)


def on_a_table(ink, corners, table=0.35):
    """Returns an image of ink on a sheet of paper with these corners, (x, y), on a table."""
    mask = Image.new("L", ink.shape[::-1])
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    sheet = np.asarray(mask) / 255
    wood = table + np.random.default_rng(0).normal(0, 0.03, ink.shape)
    return Image.fromarray(np.uint8(255 * (sheet * (0.9 - 0.8 * ink) + (1 - sheet) * wood)))


@pytest.mark.parametrize(
    "corners",
    [
        [(60, 40), (240, 40), (240, 270), (60, 270)],
        [(60, -9), (400, -9), (400, 270), (60, 270)],
        [(-9, 40), (400, 40), (400, 250), (-9, 250)],
        [(60, 40), (400, 40), (400, 400), (60, 400)],
        [(50, 30), (260, 60), (240, 280), (20, 250)],
    ],
    ids=["all around", "on two sides", "above and below", "in a corner", "turned"],
)
@pytest.mark.parametrize("table", [0, 0.5], ids=["black", "grey"])
def test_the_table_around_a_sheet_of_paper_is_not_ink(tmp_path, corners, table):
    ink = draw(TWO)
    path = saved(on_a_table(ink, corners, table), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink), 0.03)


def test_the_photo_in_the_readme_is_read_as_2(reference_dir):
    network = DoubleConv()
    restore(network, reference_dir / "train_data-20000")
    assert prediction(network, PHOTO) == 2


@pytest.mark.parametrize("light", [False, True], ids=["dark on light", "light on dark"])
def test_a_thick_zero_is_no_sheet_of_paper(tmp_path, light):
    ink = draw([(60 + 45 * x, 70 + 55 * y) for x, y in UNIT], 30)
    path = saved(grey(1 - ink if light else ink), tmp_path / "zero.png")
    assert_alike(read_image(path), like_mnist(ink), 0.03)


@pytest.mark.parametrize("shade", [0.5, 0.6], ids=["grey", "light grey"])
def test_a_light_digit_of_squares_on_a_grid_is_read(tmp_path, shade):
    """As a 28x28 image is shown enlarged, with grey lines between its pixels."""
    digit = like_mnist(draw(TWO)).reshape(28, 28) > 0.5
    image = np.kron(digit, np.ones([14, 14]))
    image[np.arange(392) % 14 < 2] = image[:, np.arange(392) % 14 < 2] = shade
    path = saved(Image.fromarray(np.uint8(255 * image)), tmp_path / "two.png")
    assert_alike(read_image(path), np.float32(digit.reshape(784)), 0.05)


def test_a_stroke_of_half_the_strength_is_kept(tmp_path):
    ink = draw(TWO)
    faint = ink * np.where(np.arange(300) < 150, 0.5, 1)[:, None]
    path = saved(grey(faint), tmp_path / "two.png")
    image = read_image(path)
    assert extent(image) == extent(like_mnist(ink))
    assert image.reshape(28, 28)[:12].max() >= 0.5


def test_lines_fainter_than_the_pen_are_not_ink(tmp_path):
    ink = draw(TWO)
    lines = 0.5 * (np.arange(300) % 40 // 3 == 5)[:, None] * np.ones(300)
    path = saved(grey(np.maximum(ink, lines)), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink), 0.04)


def lines(pitch, width, slope=0.0, at=0):
    """Draws lines across an image: ink, float32 [300, 300]."""
    down, across = np.mgrid[:300, :300]
    return np.float32((down - at - slope * across) % pitch < width)


@pytest.mark.parametrize("strength", [0.6, 1])
@pytest.mark.parametrize("slope", [0, 0.06])
def test_ruled_lines_even_as_strong_as_the_pen_are_not_ink(tmp_path, strength, slope):
    ink = draw(TWO)
    path = saved(grey(np.maximum(ink, strength * lines(45, 5, slope))), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink), 0.06)


def test_squared_paper_is_not_ink(tmp_path):
    ink = draw(TWO)
    grid = np.maximum(lines(50, 3, 0.04), lines(50, 3, -0.04).T)
    path = saved(grey(np.maximum(ink, 0.7 * grid)), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink), 0.04)


@pytest.mark.parametrize("at", [5, 110])
def test_a_single_line_across_the_paper_is_not_ink(tmp_path, at):
    ink = draw(TWO)
    path = saved(grey(np.maximum(ink, 0.8 * lines(1000, 4, at=at))), tmp_path / "two.png")
    assert_alike(read_image(path), like_mnist(ink), 0.04)


def test_a_bar_across_an_image_cropped_to_its_digit_is_ink(tmp_path):
    ink = draw([(0, 0), (100, 0), (40, 150)], pen=8)[66:225, 86:195]
    path = saved(grey(ink), tmp_path / "seven.png")
    assert_alike(read_image(path), like_mnist(ink))


def test_a_one_that_fills_its_image_is_ink(tmp_path):
    ink = draw([(0, 0), (8, 150)], pen=30)[55:235, 76:113]
    assert (ink > 0.5).mean() > 0.75
    image = read_image(saved(grey(ink), tmp_path / "one.png"))
    assert_alike(image, like_mnist(ink), 0.03)


@pytest.mark.parametrize(("strength", "read"), [(0.15, True), (0.05, False)])
def test_the_least_contrast(tmp_path, strength, read):
    path = saved(grey(strength * draw(TWO)), tmp_path / "two.png")
    if read:
        assert_alike(read_image(path), like_mnist(draw(TWO)), 0.03)
    else:
        with pytest.raises(Failure, match="no ink found$"):
            read_image(path)


def test_pillows_warnings_are_not_shown(tmp_path, recwarn):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01"  # five entries announced, none complete
    path = saved(grey(draw(TWO)), tmp_path / "two.jpg", exif=exif)
    read_image(path)
    assert not recwarn.list


def png_header(width, height):
    """Returns a PNG file that announces so many pixels, and holds none."""
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT", b"IEND"]
    crc = [struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    lengths = [struct.pack(">I", len(chunk) - 4) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(b"".join, zip(lengths, chunks, crc)))


def encoded(image, format):
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def two_images():
    """Returns a TIFF file whose first page is blank."""
    buffer = io.BytesIO()
    blank, two = Image.new("L", (300, 300), 255), grey(draw(TWO))
    blank.save(buffer, "TIFF", save_all=True, append_images=[two])
    return buffer.getvalue()


FILES = {
    "no image": (b"hello\n", "not an image that Pillow can read; convert it, e.g. to JPEG or PNG"),
    "empty": (b"", "not an image that Pillow can read"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(100), "a HEIC image"),
    "web page": (b"\n<!DOCTYPE html>\n<html>", "a web page"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "truncated PNG": (encoded(grey(draw(TWO)), "PNG")[:1000], "cannot be decoded: "),
    "truncated JPEG": (encoded(grey(draw(TWO)), "JPEG")[:2000], "cannot be decoded: "),
    "no decoder": (b"\x89HDF\r\n\x1a\n" + bytes(100), "cannot be decoded: "),
    "corrupt size": (b"P5\nn0 30 255\n" + bytes(900), "cannot be decoded: "),
    "bomb": (png_header(50000, 50000), "more than 89,478,485 pixels; make the image smaller"),
    "bomb that Pillow only warns of": (
        png_header(10000, 10000),
        "more than 89,478,485 pixels; make the image smaller",
    ),
    "blank": (encoded(Image.new("L", (300, 200), 255), "PNG"), "no ink found"),
    "blank, uneven": (encoded(shaded_and_noisy(np.zeros([200, 300])), "PNG"), "no ink found"),
    "blank before others": (two_images(), "no ink found in the first of its 2 images"),
    "one pixel": (encoded(Image.new("L", (1, 1)), "PNG"), "no ink found"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_a_digit_is_one_line_with_its_name(tmp_path, name):
    data, reason = FILES[name]
    path = tmp_path / "file.png"
    path.write_bytes(data)
    with pytest.raises(Failure) as failure:
        read_image(path)
    assert str(failure.value).startswith(f"{path}: ")
    assert reason in str(failure.value)
    assert "\n" not in str(failure.value)


def test_a_figure_of_the_scripts_is_no_digit(tmp_path):
    path = tmp_path / "layer1.png"
    plt.figure().savefig(path, metadata={"Source": f"{figures.SOURCE}: a.py"})
    plt.close("all")
    with pytest.raises(Failure, match=f"^{path}: a figure that these scripts drew, not a digit$"):
        read_image(path)


def test_a_missing_file_is_one_line_with_its_name(tmp_path):
    with pytest.raises(Failure, match="^/.*/two.png: No such file or directory$"):
        read_image(tmp_path / "two.png")


def test_a_folder_is_one_line_that_tells_how_to_give_its_images(tmp_path):
    with pytest.raises(Failure, match=f"^{tmp_path}: a folder; give its images"):
        read_image(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_one_line_with_its_name(tmp_path):
    path = saved(grey(draw(TWO)), tmp_path / "two.png")
    path.chmod(0)
    with pytest.raises(Failure, match="^/.*/two.png: Permission denied$"):
        read_image(path)


def test_mnists_own_digits_are_recognized_as_before(mnist_dir, reference_dir, tmp_path):
    random = np.random.default_rng(0)
    pixels = input_data.read_file(mnist_dir, "t10k-images-idx3-ubyte").array[:60]
    digits = pixels.reshape(60, 784) / np.float32(255)
    images = []
    for i, digit in enumerate(digits):
        side = round(28 * random.uniform(4, 8))
        ink = Image.fromarray(digit.reshape(28, 28)).resize((side, side), i % 2 * 3)
        canvas = np.zeros([random.integers(side, 301)] * 2)
        top, left = random.integers(len(canvas) - side + 1, size=2)
        canvas[top : top + side, left : left + side] = np.clip(ink, 0, 1)
        path = tmp_path / "digit.jpg"
        name = ["red.png", "light.png", "shaded_and_noisy.png", "16_bit.png", None][i % 5]
        image = IMAGES[name](canvas) if name else grey(canvas)
        images.append(read_image(saved(image, path.with_suffix(".png") if name else path)))
    network = DoubleConv()
    restore(network, reference_dir / "train_data-20000")
    expected, predicted = (network(np.array(x)).y_conv.numpy().argmax(1) for x in (digits, images))
    assert np.count_nonzero(predicted != expected) <= 1


def test_drawings_in_hard_conditions_are_all_read(reference_dir):
    """drawings/<digit>_<condition>.png, 21 of 40 to 96 pixels, drawn by a program for this test.

    Made 30% smaller or larger, THICK (less), FAINTEST (both), LEAST_CONTRAST (more) and
    SPECK_AT_EDGE (less) lose one to three of them.
    """
    paths = sorted((Path(__file__).parent / "drawings").glob("*.png"))
    network = DoubleConv()
    restore(network, reference_dir / "train_data-20000")
    digits = network(np.array([read_image(path) for path in paths])).y_conv.numpy().argmax(1)
    assert len(paths) == 21
    wrong = {path.name: digit for path, digit in zip(paths, digits) if int(path.name[0]) != digit}
    assert wrong == {}


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A small network and its checkpoint."""
    monkeypatch.setattr(double_conv, "num_fc", SMALL["num_fc"])
    network = DoubleConv(seed=5)
    tf.train.Checkpoint(network=network).write(str(tmp_path / "train_data-0"))
    return network, tmp_path / "train_data-0"


def prediction(network, path):
    return int(network(read_image(path)[np.newaxis]).y_conv.numpy().argmax())


def test_program_that_measures_counts_what_is_read_as_labelled(checkpoint, tmp_path):
    """handwriting.evaluate, with two people's images of which some have a wrong label."""
    network, checkpoint = checkpoint
    photos = tmp_path / "photos"
    path = saved(grey(draw(TWO)), tmp_path / "image.png")
    digit = prediction(network, path)
    for person, right in ("a", 3), ("b", 1):
        (photos / person).mkdir(parents=True)
        for i in range(4):
            label = digit if i < right else (digit + 1) % 10
            shutil.copy(path, photos / person / f"{label}_{i}.png")
    out, err = run("handwriting.evaluate", checkpoint, photos, constants=SMALL)
    # The people's sums of residuals are 1 and -1, so the error is sqrt(2 / 1 * 2) / 8.
    row = "| by this program | 4 of 8 | 50.0% ± 25.0%, 2 people |"
    assert out.splitlines()[2] == row
    assert "read as" not in err  # it may be a test set
    out, err = run("handwriting.evaluate", checkpoint, photos, "--details", constants=SMALL)
    assert row in out.splitlines()
    assert err.count(f"read as {digit}") == 4


def test_folders_named_0_to_9_are_labels_for_the_program_that_measures(checkpoint, tmp_path):
    network, checkpoint = checkpoint
    path = saved(grey(draw(TWO)), tmp_path / "image.png")
    for label in (prediction(network, path) + np.arange(2)) % 10:
        folder = tmp_path / "digits" / str(label)
        folder.mkdir(parents=True)
        for i in range(2):
            shutil.copy(path, folder / f"{i}.png")
    out, _ = run("handwriting.evaluate", checkpoint, tmp_path / "digits", constants=SMALL)
    assert "| by this program | 2 of 4 | 50.0% |" in out.splitlines()
