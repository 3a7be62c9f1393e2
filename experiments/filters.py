"""Counts what the guide states about the trained filters and the mistakes, and prints it.

The first network is trained here, with seed 1; the second is restored from a checkpoint.

Example:
    python -m experiments.filters train_data-20000
"""

import numpy as np

import common
from experiments.both_networks import parser, trained_networks
from experiments.changes import with_shuffled_change
from experiments.network_pictures import INDEX
from experiments.one_patch import BY_HAND, FILTER
from single_conv import SingleConv
from support import terminal

# Distances from the middle of an image.
DOWN, ACROSS = np.mgrid[-13.5:14, -13.5:14]
DIRECTIONS = {"level": 0, "/": 45, "upright": 90, "\\": 135}  # degrees
ACROSS_FROM = {"level": "upright", "/": "\\", "upright": "level", "\\": "/"}


def stroke(angle):
    """Returns a stroke through the middle, 3 pixels wide with soft edges, float32 [784]."""
    angle = np.radians(angle)
    distance = np.abs(DOWN * np.cos(angle) + ACROSS * np.sin(angle))
    return np.clip(2 - distance, 0, 1).astype(np.float32).ravel()


def responses(network):
    """Returns the first layer's responses to strokes: {direction: float32 [filter]}.

    A response is the mean of h_conv1 up to 10 pixels from the middle, where no stroke ends.
    """
    h_conv1 = network(np.stack([stroke(angle) for angle in DIRECTIONS.values()])).h_conv1.numpy()
    return dict(zip(DIRECTIONS, h_conv1[:, np.hypot(DOWN, ACROSS) < 10].mean(axis=1)))


def directions(by_direction):
    """Returns the direction of the strokes that each filter responds to most: str [filter].

    It is "any" if its weakest response is over half of its strongest.
    """
    strengths = np.stack(list(by_direction.values()))
    strongest = np.array(list(by_direction))[strengths.argmax(axis=0)]
    return np.where(strengths.min(axis=0) > strengths.max(axis=0) / 2, "any", strongest)


def print_responses(network, name):
    """Prints which strokes each filter of the first layer responds to, and how clearly."""
    by_direction = responses(network)
    W = network.W_conv1.numpy()[:, :, 0]  # [5, 5, filter]
    positive = np.maximum(W, 0).sum((0, 1)) / np.abs(W).sum((0, 1))
    print(f"\n| {name} filter | level | / | upright | \\ | responds to | times | one sign |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for k, direction in enumerate(directions(by_direction)):
        response = {d: float(of_filters[k]) for d, of_filters in by_direction.items()}
        times = ""
        if direction != "any":
            across = response[ACROSS_FROM[direction]]
            times = f"{response[direction] / across:.1f}" if across else "inf"
        sign = f"{max(positive[k], 1 - positive[k]):.0%}"
        columns = [str(k + 1), *(f"{r:.3f}" for r in response.values()), direction, times, sign]
        print(f"| {' | '.join(columns)} |")
    print()


def print_directions(trained, initial):
    """Prints how many filters have a direction without training, and how many get another in it.

    The controls: random filters as large as the trained ones, because the 0.2 leaves little of
    small ones; and the changes that training made, added in a shuffled order.
    """
    start, end, network = initial.W_conv1.numpy(), trained.W_conv1.numpy(), SingleConv()

    def responses_with(filters):
        network.W_conv1.assign(filters)
        return responses(network)

    starts = [SingleConv(seed).W_conv1.numpy() for seed in range(1, 11)]
    ratio = np.std(end) / np.std(start)
    for factor in 1, ratio:
        counts = [np.sum(directions(responses_with(factor * W)) != "any") for W in starts]
        counts = " ".join(map(str, counts))
        print(f"random filters, times {factor:.2f}, with a direction, seeds 1 to 10: {counts}")

    random = np.random.default_rng(1)
    shuffled = [with_shuffled_change(start, end, random) for _ in range(100)]
    before = responses(initial)
    at_start, strongest = directions(before), np.max(list(before.values()), axis=0)
    for name, ends in ("as trained", [end]), ("changes shuffled, mean of 100", shuffled):
        after = [responses_with(filters) for filters in ends]
        other = np.mean([np.sum(directions(each) != at_start) for each in after])
        up = np.mean([np.sum(np.max(list(each.values()), axis=0) > strongest) for each in after])
        counts = f"another direction {other:.1f}, strongest response stronger {up:.1f}"
        print(f"{name}: {counts} of {len(at_start)}")


def print_likeness(trained, initial):
    """Prints how like the filter made by hand a trained one is; and random ones, the control."""

    def likeness(network):
        filters = network.W_conv1.numpy().reshape(25, -1).T
        return np.array([np.corrcoef(BY_HAND.ravel(), each)[0, 1] for each in filters])

    before, after = likeness(initial)[FILTER - 1], likeness(trained)[FILTER - 1]
    print(f"correlation of filter {FILTER} with the one made by hand: {before:.2f}, {after:.2f}")
    best = [np.abs(likeness(SingleConv(seed))).max() for seed in range(1, 101)]
    print(
        f"largest of 16 random ones, seeds 1 to 100: {np.mean(best):.2f}, at most {max(best):.2f}"
    )


def share(part, whole):
    """Returns a share in per cent, as text."""
    return f"{np.sum(part) / np.sum(whole):.0%}"


def shares(maps, part):
    """Returns the share of each map's response that is in a part of it: maps [h, w, n]."""
    return " ".join(share(maps[:, :, k][part], maps[:, :, k]) for k in range(maps.shape[-1]))


def print_single(trained, test):
    """Prints the guide's numbers for the first network; filters are counted from 1."""
    images, initial = test.images[:100], SingleConv()
    for name, network in ("trained", trained), ("initial", initial):
        sums = np.abs(common.conv2d(images.reshape(-1, 28, 28, 1), network.W_conv1))
        print(f"removed by 0.2, {name}: {share((sums > 0) & (sums <= 0.2), sums > 0)}")
        print(f"zeros in h_conv1, {name}: {np.mean(network(images).h_conv1 == 0):.0%}")
    both = (network.W_conv1.numpy().ravel() for network in (trained, initial))
    print(f"correlation of W_conv1: {np.corrcoef(*both)[0, 1]:.2f}")
    print_responses(initial, "random")
    print_responses(trained, "trained")
    print_directions(trained, initial)
    print_likeness(trained, initial)

    layers = trained(test.images[:12])
    seven, zero = layers.h_pool1.numpy()[0], layers.h_conv1.numpy()[10]
    print(f"first 7, maxima: {' '.join(f'{x:.2f}' for x in seven.max((0, 1)))}")
    ink = test.images[10].reshape(28, 28, 1)
    parts = {
        "left and right": np.abs(ACROSS) > np.abs(DOWN),
        "top and bottom": np.abs(DOWN) > np.abs(ACROSS),
    }
    for name, part in parts.items():
        print(f"0, {name}, ink: {shares(ink, part)}")
        print(f"0, {name}: {shares(zero, part)}")
    y_conv = layers.y_conv.numpy()[INDEX]
    first, second = y_conv.argsort()[:-3:-1]
    print(f"the picture's digit: {first} {y_conv[first]:.0%}, {second} {y_conv[second]:.0%}")


def print_double(trained, test):
    """Prints the guide's numbers for the second network."""
    print_responses(trained, "trained")

    h_pool1, W = trained(test.images[:50]).h_pool1, trained.W_conv2
    outputs = [
        np.abs(common.conv2d(h_pool1[..., f : f + 1], W[:, :, f : f + 1])).sum((0, 1, 2))
        for f in range(32)
    ]
    largest = np.max(outputs, axis=0) / np.sum(outputs, axis=0)  # [64]
    print(f"largest of a filter's 32 outputs: {largest.min():.0%} to {largest.max():.0%}")
    biases = [k + 1 for k, b in enumerate(trained.b_conv1.numpy()) if b > 0]
    print(f"first layer's biases above 0: {' '.join(map(str, biases))}")

    y_conv, labels = common.probabilities(trained, test.images).numpy(), test.labels.argmax(1)
    order, p = y_conv.argsort(axis=1), y_conv.max(axis=1)
    wrong = order[:, -1] != labels
    print(f"mistakes: {wrong.sum()}")
    print(f"the label is second: {np.sum(order[wrong, -2] == labels[wrong])}")
    print(f"median probability, mistakes: {np.median(p[wrong]):.2f}")
    print(f"median probability, others: {np.median(p[~wrong]):.6f}")
    for more, what in (p > 0.9, "more than 90%"), (p <= 0.9, "90% or less"):
        print(f"digits with {what}: {np.sum(more)}, of these mistakes: {np.sum(more & wrong)}")


def main():
    single, double, mnist = trained_networks(parser(__doc__).parse_args())
    print(f"## The first network\n\ndata: {mnist.name}")
    print_single(single, mnist.test)
    print("\n## The second network\n")
    print_double(double, mnist.test)


if __name__ == "__main__":
    terminal.run(main)
