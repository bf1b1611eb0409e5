"""Makes `tests` this folder, whatever an installed distribution may call its own."""
