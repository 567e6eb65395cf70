"""An agent without an end."""

from __future__ import annotations

from agents import Agent, Runner

agent = Agent(name="gardener")


def answer(question: str) -> object:
    return Runner.run_sync(agent, question, max_turns=1_000_000)
