"""The tools by which agents run programs (MCP). The door `mcp` serves them over HTTP, and `precieux mcp` over stdio.

All have the tools of `tools.py`, and call a `Backend`: this API, another server, or an engine.
"""
