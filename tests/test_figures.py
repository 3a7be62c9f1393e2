"""The figures: every cell in its place, scaled by itself, sharp."""

import pytest

import common
from common import np, tf
from visualize_filters import choose


def test_ink_scales_each_picture_by_itself():
    np.testing.assert_array_equal(common.ink(np.array([[-2.0, 0], [1, 2]])), [[0, 0.5], [0.75, 1]])
    np.testing.assert_array_equal(common.ink(np.full([2, 2], 7.0)), 0)


def test_contact_sheet_puts_each_cell_in_its_place():
    black, half = np.ones([5, 5]), np.full([14, 14], 0.5)
    sheet = common.contact_sheet([[None, black], [half, None]], cell=28)
    assert sheet.shape == (64, 64, 3) and sheet.dtype == np.uint8
    assert np.all(sheet[:32, :32] == 255) and np.all(sheet[32:, 32:] == 255)
    assert np.all(sheet[4:28, 36:60] == 0)  # 5x5 enlarged five times, in the middle of its cell
    assert np.all(sheet[34:62, 2:30] == 128)  # 14x14 enlarged twice


def test_filters_are_drawn_in_rows_in_their_order():
    filters = np.random.default_rng(0).normal(size=(5, 5, 64))
    rows = common.filter_rows(filters, 32)
    assert [len(row) for row in rows] == [32, 32]
    np.testing.assert_array_equal(rows[1][3], common.ink(filters[:, :, 35]))


@pytest.mark.parametrize("filters, count, shape", [(16, 12, 14), (32, 10, 14), (64, 10, 7)])
def test_figure_has_a_row_of_filters_and_rows_of_digits(filters, count, shape):
    random = np.random.default_rng(0).random
    figure = common.draw_features(
        random((5, 5, filters)),
        random((count, 784)),
        random((count, shape, shape, filters)),
        "a title\nof two lines",
    )
    rows = (count + 1) * max(1, filters // 32)
    (image,) = figure.axes[0].images
    assert image.get_array().shape == (rows * 32, (min(filters, 32) + 1) * 32, 3)
    png = tf.io.decode_png(common.as_png(figure), channels=3).numpy()
    height, width = png.shape[:2]
    assert width == 2 * (image.get_array().shape[1] + 16)
    left, bottom = 16, height - 16
    sheet = png[bottom - 2 * rows * 32 : bottom, left : width - 16]
    # Sharp: each pixel of the sheet is two by two pixels of the PNG, unchanged.
    np.testing.assert_array_equal(sheet, np.asarray(image.get_array()).repeat(2, 0).repeat(2, 1))
    assert png[: height - 16 - 2 * rows * 32].min() < 50  # the title


def test_chosen_digits_are_the_first_of_their_kind():
    labels = np.array([7, 3, 8, 3, 5, 3])
    assert choose(labels, [3, 5, 8]) == [1, 4, 2]
    assert choose(labels, [3, 3]) == [1, 3]
    with pytest.raises(common.Failure, match="1 digits 5"):
        choose(labels, [5, 5])
