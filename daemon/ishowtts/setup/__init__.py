"""`ishowctl setup`: torch and weights for the installed package; a program of its own."""
