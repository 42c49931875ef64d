"""Recordings of a real OSF, played back to the emulator."""
