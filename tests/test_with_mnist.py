"""Both training scripts on real MNIST, as a user types them: the post's numbers."""

import numpy as np
import pytest
from processes import only_run, read_events

pytestmark = pytest.mark.usefixtures("mnist_dir")
POSTS_RUN = "the-post-single_conv-tensorflow-0.12.1"


@pytest.fixture(scope="module")
def single(programs):
    """The default run of single_conv.py."""
    return programs("single on MNIST")


def test_default_run_has_the_posts_accuracy(single):
    assert single.code == 0, single.err
    lines = single.out.splitlines()
    assert len(lines) == 102
    assert abs(float(lines[-1].removeprefix("test accuracy ")) - 0.975) <= 0.0015


def test_cross_entropy_is_the_posts_until_rounding_differences_dominate(single, posts_curve):
    values = read_events(only_run(single.folder / "logs"))
    ours = {step: value for tag, step, value in values if tag == "cross entropy"}
    posts = {step: cross_entropy for step, (cross_entropy, _) in posts_curve("single").items()}
    assert list(ours) == list(posts)
    for step, limit in ((0, 1e-5), (10, 1e-5), (20, 1e-3)):
        assert abs(ours[step] / posts[step] - 1) <= limit
    # Later rounding differences add up, but the curves stay together.
    late = [step for step in posts if step > 500]
    assert 0.8 < np.mean([ours[i] for i in late]) / np.mean([posts[i] for i in late]) < 1.25


def test_the_posts_own_run_is_beside_ours(single, posts_curve):
    assert [path.name for path in (single.folder / "logs").glob("the-post*")] == [POSTS_RUN]
    values = read_events(single.folder / "logs" / POSTS_RUN)
    written = {(tag, step): value for tag, step, value in values}
    assert len(values) == len(written)
    expected = {}
    for step, (cross_entropy, accuracy) in posts_curve("single").items():
        expected |= {("cross entropy", step): cross_entropy, ("accuracy", step): accuracy}
    assert written.keys() == expected.keys()
    for point, value in expected.items():
        np.testing.assert_allclose(written[point], value, rtol=1e-6)


def test_200_steps_of_the_second_network_learn(programs):
    run = programs("double on MNIST")
    assert run.code == 0, run.err
    lines = run.out.splitlines()
    assert float(lines[-1].removeprefix("test accuracy ")) > 0.9
    accuracies = [float(line.split()[-1]) for line in lines[:-1]]
    assert len(accuracies) == 3
    assert accuracies[-1] > accuracies[0]
