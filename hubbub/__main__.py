"""`python -m hubbub` is the same as `hubbub`."""

from hubbub.cli import main

main()
