"""Digits rendered from matplotlib's fonts."""

import functools

import numpy as np

from support import rendered_digits


def test_rendered_digits_are_the_same_in_every_run():
    one, other = (rendered_digits.rendered_digits(train=300, test=200) for _ in range(2))
    for array, same in zip(one[0] + one[1], other[0] + other[1]):
        np.testing.assert_array_equal(array, same)


def test_rendered_digits_look_like_mnists_to_a_program():
    sets = rendered_digits.rendered_digits(train=2000, test=1000)
    assert [len(images) for images, _ in sets] == [2000, 1000]
    for images, labels in sets:
        assert images.shape == (len(labels), 784)
        assert images.dtype == labels.dtype == np.uint8
        assert np.all(np.bincount(labels, minlength=10) > len(labels) / 13)
        assert images.max() == 255
        assert np.median(images) == 0
        assert np.all(images.max(axis=1) > 100)  # no digit has left its image


def test_rendered_test_digits_come_from_other_fonts(monkeypatch):
    def stay(random, count):
        return np.tile(np.float32([1, 0, 0, 0, 1, 0, 0, 0]), [count, 1])

    monkeypatch.setattr(rendered_digits, "random_transforms", stay)
    draw = functools.cache(rendered_digits.draw_glyph)
    monkeypatch.setattr(rendered_digits, "draw_glyph", draw)
    sets = rendered_digits.rendered_digits(train=3000, test=1000)
    fonts = rendered_digits.TRAIN_FONTS, rendered_digits.TEST_FONTS
    assert not set(fonts[0]) & set(fonts[1])
    for (images, labels), names in zip(sets, fonts):
        glyphs = {draw(str(digit), font).tobytes(): digit for font in names for digit in range(10)}
        assert {image.tobytes() for image in images} == set(glyphs)
        assert [glyphs[image.tobytes()] for image in images] == list(labels)
