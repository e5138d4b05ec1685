"""Changes of the parts that a model's file is made of."""
