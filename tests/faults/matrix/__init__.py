"""Every operation under every fault: records of both, and what must be true afterwards."""
