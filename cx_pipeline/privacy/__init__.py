"""Privacy at the edge: before anything lands, ids become keys and texts lose what identifies people."""
