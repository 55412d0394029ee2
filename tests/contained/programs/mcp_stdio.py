"""Calls tools of plane-mcp-server over stdio, one for each argument: a JSON object of name and arguments.

Prints for each call if it was an error.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main() -> None:
    """Call the tools."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "plane_mcp", "stdio"], env=dict(os.environ))
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()
        for call in sys.argv[1:]:
            result = await session.call_tool(**json.loads(call))
            print(
                "error" if result.isError else "ok",
                " ".join(getattr(block, "text", "") for block in result.content)[:200].replace("\n", " "),
            )


asyncio.run(main())
