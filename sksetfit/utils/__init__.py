"""Files, memory and the client of the Hugging Face Hub."""
