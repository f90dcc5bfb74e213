"""A stock MCP client: the official Python SDK. Reads what to ask on standard input, and prints what it was answered."""

import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters, stdio_client


async def main():
    asked = json.load(sys.stdin)
    server = StdioServerParameters(command=asked["command"], args=asked["args"], env=asked["env"])
    answers = []
    async with Client(stdio_client(server), mode=asked["mode"]) as client:
        tools = [tool.model_dump(mode="json", by_alias=True) for tool in (await client.list_tools()).tools]
        for name, arguments in asked["calls"]:
            try:
                result = await client.call_tool(name, arguments)
            except MCPError as e:
                answers.append({"refused": e.error.code, "message": e.error.message})
                continue
            answers.append({
                "isError": bool(result.is_error),
                "text": [block.text for block in result.content],
                "structured": result.structured_content,
            })
        said = {"server": client.server_info.model_dump(mode="json"), "protocol": client.protocol_version}
    print(json.dumps({**said, "tools": tools, "answers": answers}))


anyio.run(main)
