"""Publishing a fitted classifier, with its model card, on the Hugging Face Hub."""
