"""What the guide's numbers and pictures come from; the results are in results/."""
