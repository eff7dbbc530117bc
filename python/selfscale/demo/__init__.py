"""A real application that scales itself under recorded load: `selfscale demo`."""
