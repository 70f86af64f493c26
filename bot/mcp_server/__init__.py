"""Memory as tools for other programs' assistants, over the Model Context Protocol; needs the extra mcp."""
