"""What talks to the outside world for pipelines; all of it through http.py, the one guarded client."""
