"""What the engine's answer means."""
