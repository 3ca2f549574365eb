"""The command `memegan demo-community`."""

import sys
import threading
from typing import Annotated

import typer

from memegan.demo.community import COMMUNITIES, HOST
from memegan.demo.community import demo_community as serve


def demo_community(
    port: Annotated[int, typer.Option(help="0 takes one that is free", min=0, max=65535)] = 0,
) -> None:
    """Serve the demo's communities on this machine until Ctrl-C.

    Example: memegan demo-community --port 8080
    """
    with serve(port) as hosts:
        address = f"http://{hosts[HOST]}"
        lines = [f"{HOST} answers at {address} (Ctrl-C ends it); for example"]
        for name, about in COMMUNITIES.items():
            lines.append(f"  {address}/method/wall.get?domain={name}&count=2&v=5.199")
            lines.append(f"  {address}/media/{name}/0.{about.extension}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        threading.Event().wait()
