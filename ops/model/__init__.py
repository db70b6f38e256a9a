"""Commands about the model: source of data, champion, signature and evaluation."""
