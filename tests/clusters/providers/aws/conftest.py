from tests.moto_world import aws, moto_server

__all__ = ["aws", "moto_server"]
