from tests.local_agent import agent, own_agent

__all__ = ["agent", "own_agent"]
