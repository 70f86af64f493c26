"""The MCP server by the official client, over pipes and HTTP to real processes, or in this one; models are made up."""
