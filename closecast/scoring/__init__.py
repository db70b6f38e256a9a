"""Score raw deals: the rules, reading values, and scoring one deal or many."""
