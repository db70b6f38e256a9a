"""The pages, one file each, because Streamlit's navigation and its tests name pages by file."""
