"""Scripts that open windows, on a display of Xvfb's (see `display` in conftest.py)."""

import functools
import os

from support import figures, terminal

import matplotlib.pyplot as plt
from processes import Running, wait_until


def leave_open(figure):
    """What happens to the windows, by default."""


def close_soon(figure):
    def close():
        plt.close(figure)
        terminal.report("closed")

    figure.canvas.get_tk_widget().after(100, close)


def tell_when_shown(display, then):
    """Makes a process open its windows there, then print "shown" and call then(the last figure)."""
    os.environ["DISPLAY"] = display
    figures.MPLBACKEND = "TkAgg"
    show = plt.show

    def show_and_tell(block):
        show(block=block)
        terminal.report("shown")
        then(plt.gcf())

    plt.show = show_and_tell


def open_windows(display, *args, then=leave_open, **options):
    """Starts a script on a display; returns it, as Running, once its windows are open."""
    running = Running(args, before=functools.partial(tell_when_shown, display, then), **options)
    wait_for(running, "shown\n")
    return running


def wait_for(running, line):
    """Waits until a script has printed a line, or has ended."""
    wait_until(lambda: line in running.stdout or not running.process.is_alive())
