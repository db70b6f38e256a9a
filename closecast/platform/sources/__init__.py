"""Where exports come from: made-up deals, files, S3 objects and Kaggle, read into tables of text."""
