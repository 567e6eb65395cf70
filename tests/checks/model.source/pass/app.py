from sentence_transformers import SentenceTransformer

EMBEDDER = "garden-lab/embedder"
COMMIT = "8f3ac2d19e0b47c56d1e2f3a4b5c6d7e8f901234"

embedder = SentenceTransformer(EMBEDDER, revision=COMMIT)
