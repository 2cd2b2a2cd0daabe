"""The module's sections, one panel each; Qt, on top of `scene`."""
