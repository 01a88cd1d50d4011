"""The Gradio page to try a model by hand."""
