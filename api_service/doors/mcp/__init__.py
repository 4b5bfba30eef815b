"""The front door for agents: `api_service.agent_tools` over HTTP, with this API behind them."""
