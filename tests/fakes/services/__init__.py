"""Stand-ins for services that cannot run here: they keep state and the vendor's published rules."""
