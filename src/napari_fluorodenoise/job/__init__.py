"""Denoising from file to file, as a job that survives an interruption and may run on a cluster."""
