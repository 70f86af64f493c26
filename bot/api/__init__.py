"""An OpenAI-compatible API, so that other programs can use the assistant with its memory."""
