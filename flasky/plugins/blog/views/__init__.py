"""The pages of the blog."""
