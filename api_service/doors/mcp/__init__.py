"""The MCP server: tools by which agents run programs. Over HTTP it is a front door, over stdio `precieux mcp`.

All of them have the tools of `tools.py`, and call a `Backend`: this API, another server, or an engine.
"""
