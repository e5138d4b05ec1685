"""The folder for onnxruntime: a graph of body and head, the tokenizer, and the module that predicts with them."""
