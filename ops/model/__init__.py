"""The commands about the model: its source of data, its champion, its signature and its evaluation."""
