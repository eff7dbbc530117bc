"""``python -m selfscale.demo``."""

import argparse
import sys
from pathlib import Path

from selfscale.demo.play import demo

parser = argparse.ArgumentParser(prog="python -m selfscale.demo", description=demo.__doc__)
parser.add_argument("--quick", action="store_true", help="half a minute instead of one and a half")
parser.add_argument("--output", type=Path, metavar="DIR", help="keep report, picture, journal and figures there")
arguments = parser.parse_args()
sys.exit(demo(quick=arguments.quick, output=arguments.output))
