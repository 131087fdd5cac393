"""Denoise X-ray fluoroscopy sequences without clean training data."""
