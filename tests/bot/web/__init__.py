"""The page over real HTTP and in a real browser; store, search, import and erasure are real, the model is scripted."""
