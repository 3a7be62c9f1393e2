"""What the guide's numbers and pictures come from; the results are in results/."""

MY_RESULTS = "my-results"  # the folder for a reader's own, unless an option names another
