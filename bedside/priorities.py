"""How urgent an alarm condition is, and what it is about (IEC 60601-1-8, 6.1.2 and annex F)."""

from enum import IntEnum, StrEnum


class Priority(IntEnum):
    """Ordered so that the greater one wins."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The name used on the wire and on the screen."""
        return self.name.lower()

    @property
    def marks(self) -> str:
        """The customary text marks: `***` for high, `**` for medium, `*` for low."""
        return "*" * self.value

    @classmethod
    def from_word(cls, word: str) -> "Priority":
        """The priority with this name; ValueError names what was expected."""
        try:
            return cls[word.upper()]
        except KeyError:
            msg = f"priority {word!r}: expected low, medium or high"
            raise ValueError(msg) from None


class Kind(StrEnum):
    """From a patient variable, or from the equipment or the alarm system itself."""

    PHYSIOLOGICAL = "physiological"
    TECHNICAL = "technical"


class Category(StrEnum):
    """What an alarm is about: the categories of IEC 60601-1-8, annex F."""

    GENERAL = "general"
    CARDIOVASCULAR = "cardiovascular"
    VENTILATION = "ventilation"
    OXYGENATION = "oxygenation"
    DRUG_DELIVERY = "drug-delivery"
    EQUIPMENT = "equipment"


class Audio(StrEnum):
    """State of the alarm system's sound (IEC 60601-1-8, 6.8)."""

    ON = "on"
    PAUSED = "paused"
    OFF = "off"
