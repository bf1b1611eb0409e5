"""How hypothesis searches: the same examples on every quick run, new ones and many more in `./check --long`.

No deadline for single examples: a busy small machine is slow by chance, and the time a test sees is virtual.
"""

from hypothesis import settings

settings.register_profile("quick", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile("quick")
