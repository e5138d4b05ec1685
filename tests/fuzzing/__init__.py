"""Changes of model files that know what a file is made of, and children that read what came of them."""
