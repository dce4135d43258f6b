from tests.local_agent import agent, own_agent
from tests.moto_world import aws, moto_server

__all__ = ["agent", "aws", "moto_server", "own_agent"]
