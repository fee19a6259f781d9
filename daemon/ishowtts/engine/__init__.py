"""The engine child: all that imports torch, owner of the GPU. The supervisor starts it and never imports it."""
