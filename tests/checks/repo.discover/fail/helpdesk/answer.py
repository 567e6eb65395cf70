import anthropic as a
import qdrant_client
from openai import OpenAI

client = OpenAI()
other = a.Anthropic()
store = qdrant_client.QdrantClient(url="http://localhost:6333")


def answer(question: str, model: str = "gpt-4o") -> str:
    draft = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
    return other.messages.create(model="claude-sonnet-4-20250514", max_tokens=100, messages=[draft])
