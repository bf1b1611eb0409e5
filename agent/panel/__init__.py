"""The panel: a process of its own that owns the sounder, the lamps, the button and the screen.

The agent says, twice a second, what is to be heard and seen. When it stops saying so the panel sounds by
itself, so nothing here may depend on what could take the agent down: only bedside, the standard library and
gpiozero.

    signals     the alarm signals as data: bursts and flashes
    player      one level to edges of sounder and lamps, in time
    lease       whose level counts: the agent's, or the panel's own alarm
    self_test   each lamp and a tone at power-on
    presses     one button, two kinds of press
    machine     the five above as one machine
    messages    lines of JSON to and from the agent
    settings    the [panel] table, never fatal
    screen      a level as rows of text, and the console they go to
    pins        the only file that knows gpiozero
    door        the Unix socket the agent connects to
    process     the one loop around all of it

The first six are pure: they take the time as an argument and touch nothing.
"""
