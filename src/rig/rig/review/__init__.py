"""The page on which a person looks at the movements found in a dataset, and corrects them."""
