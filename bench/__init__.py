"""How fast the networks train here, and in PyTorch, JAX and Keras."""
