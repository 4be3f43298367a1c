"""Models from elsewhere: a repository of the hub, or a folder at hand."""
