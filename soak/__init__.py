"""Hours of abuse: kills and hostile requests against real processors, compared with a run that had none."""
