"""An agent with a limit of steps."""

from __future__ import annotations

from langgraph.prebuilt import create_react_agent

agent = create_react_agent("openai:garden", tools=[])


def answer(question: str) -> object:
    return agent.invoke({"messages": [("user", question)]}, {"recursion_limit": 12})
