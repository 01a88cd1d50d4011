"""LoRA fine-tuning of a base model on a catalogue."""
