"""Answers questions. Nothing here calls anthropic, and `import cohere` in a text is no import."""

import chromadb
from langchain_core.tools import tool
from openai import OpenAI

# client = Anthropic(model="claude-3-5-sonnet-latest")
client = OpenAI()
store = chromadb.PersistentClient(path="index")


@tool
def look_up_order(number: str) -> str:
    """Give the state of an order."""
    return number


def answer(question: str) -> str:
    made = client.chat.completions.create(model="gpt-4o-2024-08-06", messages=[{"role": "user", "content": question}])
    return made.choices[0].message.content
