"""The site: pages from the repository and from the code, their links, and the licences of what is used."""
