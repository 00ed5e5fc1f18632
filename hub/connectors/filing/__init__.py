"""What the file connectors are made of: places, packing, formats, drop folders, and files written out."""
