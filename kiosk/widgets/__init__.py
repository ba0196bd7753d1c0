"""The pieces that screens are made of. They draw from a `View` and know no hardware."""
