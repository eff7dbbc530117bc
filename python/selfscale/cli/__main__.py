"""``python -m selfscale.cli``."""

from selfscale.cli import main

main()
