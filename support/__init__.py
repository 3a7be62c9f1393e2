"""What surrounds a run: files, options, event files, checkpoints, figures; no network in here."""
