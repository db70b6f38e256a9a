"""Sources of exports: synthetic deals, files, S3 objects and Kaggle, read into tables of text."""
