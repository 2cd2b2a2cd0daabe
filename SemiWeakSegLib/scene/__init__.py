"""Between the cohort and Slicer's scene: nodes, annotations, runs and results. No Qt."""
