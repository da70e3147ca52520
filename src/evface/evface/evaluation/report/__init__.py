"""The paper's tables and figures from a dataset and a folder of runs, as a page, CSV, LaTeX and pictures."""
