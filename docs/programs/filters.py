"""Prints what the guide says of the trained filters and of the mistakes, counted.

The first network is trained here, with seed 1; the second is restored from the checkpoint of a run
of double_conv.py with seed 1.

Example:
    python docs/programs/filters.py train_data-20000
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for support

# support comes first: it imports TensorFlow without its start-up messages
from support import terminal

import networks
import numpy as np

import common
from double_conv import DoubleConv
from single_conv import SingleConv

# Distances from the middle of an image.
DOWN, ACROSS = np.mgrid[-13.5:14, -13.5:14]
ANGLES = range(0, 180, 15)  # degrees; 0 is level, 45 is /, 90 upright, 135 is \


def stroke(angle):
    """Returns a stroke through the middle, 3 pixels wide with soft edges, float32 [784]."""
    angle = np.radians(angle)
    distance = np.abs(DOWN * np.cos(angle) + ACROSS * np.sin(angle))
    return np.clip(2 - distance, 0, 1).astype(np.float32).ravel()


def print_answers(network):
    """Prints how each filter of the first layer answers to strokes.

    An answer is the mean of h_conv1 up to 10 pixels from the middle, where no stroke ends.
    """
    h_conv1 = network(np.stack([stroke(angle) for angle in ANGLES])).h_conv1.numpy()
    answers = h_conv1[:, np.hypot(DOWN, ACROSS) < 10].mean(axis=1)  # [angle, filter]
    named = dict(zip(ANGLES, answers))
    W = network.W_conv1.numpy()[:, :, 0]  # [5, 5, filter]
    with np.errstate(divide="ignore", invalid="ignore"):  # a filter may not answer at all
        ratios = [
            named[90] / named[0],
            named[135] / named[45],
            answers.min(axis=0) / answers.max(axis=0),
        ]
        positive = np.maximum(W, 0).sum((0, 1)) / np.abs(W).sum((0, 1))
    print("\n| filter | strongest at | upright : level | \\ : / | weakest : strongest | one sign |")
    print("| --- | --- | --- | --- | --- | --- |")
    for k in range(W.shape[-1]):
        strongest = ANGLES[answers[:, k].argmax()]
        sign = max(positive[k], 1 - positive[k])
        columns = [str(k + 1), f"{strongest}°", *(f"{r[k]:.3g}" for r in ratios), f"{sign:.0%}"]
        print(f"| {' | '.join(columns)} |")
    print()


def share(part, whole):
    """Returns a share in per cent, as text."""
    return f"{np.sum(part) / np.sum(whole):.0%}"


def shares(maps, part):
    """Returns the share of each map's response that is in a part of it: maps [h, w, n]."""
    return " ".join(share(maps[:, :, k][part], maps[:, :, k]) for k in range(maps.shape[-1]))


def correlation(a, b):
    """Returns the correlation of two variables' weights, as text."""
    return f"{np.corrcoef(a.numpy().ravel(), b.numpy().ravel())[0, 1]:.2f}"


def print_single(trained, test):
    """Prints what the guide says of the first network; filters are counted from 1."""
    images, initial = test.images[:100], SingleConv()
    for name, network in ("trained", trained), ("initial", initial):
        answers = np.abs(common.conv2d(images.reshape(-1, 28, 28, 1), network.W_conv1))
        removed = share((answers > 0) & (answers <= 0.2), answers > 0)
        nothing = np.mean(network(images).h_conv1 == 0)
        print(f"{name}: 0.2 removes {removed} of the answers; {nothing:.0%} of h_conv1 is 0")
    found = correlation(trained.W_conv1, initial.W_conv1)
    print(f"W_conv1, trained and initial: correlation {found}")
    print_answers(trained)

    layers = trained(test.images[:12])
    seven, zero = layers.h_pool1.numpy()[0], layers.h_conv1.numpy()[10]
    strongest = f"map 7 {seven[..., 6].max():.2f}, map 15 {seven[..., 14].max():.2f}"
    print(f"first 7: strongest response in {strongest}")
    upper = np.arange(14) < 6
    print(f"first 7: in the map's upper six rows, filters 1 to 16: {shares(seven, upper)}")
    ink = test.images[10].reshape(28, 28, 1)
    parts = {
        "left and right of the middle": np.abs(ACROSS) > np.abs(DOWN),
        "above and below the middle": np.abs(DOWN) > np.abs(ACROSS),
        "upper right and lower left": ACROSS * DOWN < 0,
    }
    for name, part in parts.items():
        print(f"0: {name}: ink {shares(ink, part)}; filters 1 to 16: {shares(zero, part)}")


def print_double(trained, test):
    """Prints what the guide says of the second network."""
    initial = DoubleConv()
    for name in "W_conv1", "W_conv2", "W_fc1":
        found = correlation(getattr(trained, name), getattr(initial, name))
        print(f"{name}, trained and initial: correlation {found}")
    print_answers(trained)

    h_pool1, W = trained(test.images[:50]).h_pool1, trained.W_conv2
    outputs = [
        np.abs(common.conv2d(h_pool1[..., f : f + 1], W[:, :, f : f + 1])).sum((0, 1, 2))
        for f in range(32)
    ]
    largest = np.max(outputs, axis=0) / np.sum(outputs, axis=0)  # [64]
    low, high = largest.min(), largest.max()
    print(f"the largest of a filter's 32 outputs is {low:.0%} to {high:.0%} of their sum")

    y_conv, labels = common.probabilities(trained, test.images).numpy(), test.labels.argmax(1)
    order, p = y_conv.argsort(axis=1), y_conv.max(axis=1)
    wrong = order[:, -1] != labels
    second = np.sum(order[wrong, -2] == labels[wrong])
    print(f"{wrong.sum()} mistakes; the label is the second most probable digit in {second}")
    print(
        f"median probability: mistakes {np.median(p[wrong]):.2f}, others {np.median(p[~wrong]):.6f}"
    )
    print(f"mistakes made with more than 90%: {np.sum(p[wrong] > 0.9)}")


def main():
    single, double, mnist = networks.trained_networks(networks.options(__doc__))
    print(f"## The first network\n\n{mnist.name}")
    print_single(single, mnist.test)
    print("\n## The second network\n")
    print_double(double, mnist.test)


if __name__ == "__main__":
    terminal.run(main)
