"""What Closecast is built of: known vulnerabilities, and newer versions."""
