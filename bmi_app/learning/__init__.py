"""Rules by which a decoder's weights change, one file each."""
