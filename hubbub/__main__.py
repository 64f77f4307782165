"""The entry point: `hubbub`, and the same as `python -m hubbub`."""

import gc

# Importing makes many objects that stay and hardly any garbage: a start is a sixth faster without looking for it.
# `run_server` turns the collector on; the other commands are over before they would need it.
gc.disable()


def main() -> None:
    from hubbub.cli import main as run

    run()


if __name__ == "__main__":
    main()
