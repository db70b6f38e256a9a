"""The command line of the library, `closecast`: what needs no platform. `just` offers the same commands in a clone."""
