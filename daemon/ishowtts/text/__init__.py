"""From what a person wrote to the pieces the engine speaks. Pure: no I/O, no clock."""
