import os

OPENAI_API_KEY = os.environ["OPENAI_API_KEY"]
password = "changeme-please-123"
CHECKSUM = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
token_url = "https://login.example.com/oauth/token"
