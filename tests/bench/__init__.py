"""What it costs and how fast it is, measured on real processes. Figures, not tests: nothing here fails."""
